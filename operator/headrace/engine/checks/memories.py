"""What was seen of a distribution, remembered for several lengths of time.

A drift may begin at any moment. What an hour has taught follows it slowly and knows it well; what
the last blocks show follows at once and is noisy. So tests of drift use all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.checks.reference import KEEP

_KEPT = (KEEP, 1 - 1 / 4, 0.0)
"""What a block later is left: of an hour, of four blocks, of the last one."""
WEIGHTS = (0.5, 0.3, 0.2)
"""Of the alternatives that they teach."""
LOG_WEIGHTS = tuple(map(math.log, WEIGHTS))
RECENT = (1, 2)
"""The places of the short ones: what the candidate does now."""

Memories = Sequence[Sequence[float]]
"""Counts per category, discounted; one sequence per memory."""


def empty(categories: int) -> list[list[float]]:
    """Give the memories before any data."""
    return [[0.0] * categories for _ in _KEPT]


def followed(memories: Memories, counts: Sequence[float]) -> list[list[float]]:
    """Remember a block.

    Args:
        memories: So far.
        counts: Per category, >= 0.
    """
    return [
        [a * keep + x for a, x in zip(memory, counts, strict=True)]
        for memory, keep in zip(memories, _KEPT, strict=True)
    ]
