"""When a rollout is judged: at whole multiples of its interval, so that all ask Prometheus at once.

Counting slots of the wall clock needs no memory of the last tick, and two rollouts of the same
interval always share their queries, whenever each of them began.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

AT_REST_SECONDS = 60.0
"""Between two looks at a rollout that has nothing under test; changes are looked at sooner."""

LATER = 15.0
"""Seconds after which something is tried again at the latest, whatever is wrong with it."""


def slot(now: float, interval: float) -> int:
    """Give the number of the interval that a moment is in.

    Args:
        now: Unix seconds.
        interval: Seconds, > 0.
    """
    return math.floor(now / interval)


def next_slot(now: float, intervals: Iterable[float]) -> float:
    """Give the moment, in Unix seconds, at which the next slot of any interval begins."""
    return min(
        ((slot(now, interval) + 1) * interval for interval in intervals),
        default=now + AT_REST_SECONDS,
    )
