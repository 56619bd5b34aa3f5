"""What the arms earned: rewards of live answers, from 0 to 1, as they come back.

A reward that has not come back yet is not a reward of zero: what is counted are rewards, not
answers, so that late ones cost time and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from headrace.api import Status
from headrace.engine.observations import Interval, Metric, Sums, Value


def sums(value: Value | None) -> Sums | None:
    """Give rewards that a test can use.

    Returns:
        Sums with `0 <= sum <= count`, as the two counters are not read at one instant. None
        without rewards, or if a number is not finite or negative: missing data, not bad data.
    """
    if not isinstance(value, Sums):
        return None
    if not (math.isfinite(value.count) and math.isfinite(value.sum) and value.count > 0):
        return None
    if 0 <= value.sum <= value.count:
        return value
    return Sums(value.count, min(max(value.sum, 0.0), value.count))


def rewards_in(intervals: Iterable[Interval], challenger: str = "") -> tuple[Interval, ...]:
    """Give the intervals of rewards of one candidate, in order of time."""
    return tuple(i for i in intervals if i.metric == Metric.REWARD and i.challenger == challenger)


def candidates_of(status: Status) -> dict[str, str]:
    """Give by version what names each candidate's intervals, those that were dropped too."""
    assert status.candidate is not None
    versions = [challenger.model.version for challenger in status.challengers]
    return {status.candidate.version: ""} | {version: version for version in versions}


def arms_of(status: Status) -> tuple[str, ...]:
    """Give the versions that still take part, stable first."""
    assert status.stable is not None
    out = {dropped.version for dropped in status.dropped}
    return (status.stable.version, *(v for v in candidates_of(status) if v not in out))
