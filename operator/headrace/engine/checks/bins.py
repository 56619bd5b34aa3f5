"""Counts by bin as the drift tests use them: clean, and in one order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.observations import Categories, Value

Bins = dict[str, float]


def bins(value: Value | None) -> Bins | None:
    """Give counts by name; None without values, or if they are malformed: missing, not bad."""
    if not isinstance(value, Categories) or len(value.names) != len(value.counts):
        return None
    if not 0 < sum(value.counts) < math.inf or min(value.counts) < 0:
        return None
    found = dict(zip(value.names, value.counts, strict=True))
    return found if len(found) == len(value.names) > 1 else None


def ordered(counts: Bins, names: Sequence[str]) -> list[float] | None:
    """Give the counts in the order of the names; None if the bins are others."""
    if counts.keys() != set(names):
        return None
    return [counts[name] for name in names]


def shrunk(counts: Sequence[float], towards: Sequence[float], weight: float) -> list[float]:
    """Give shares, with as much of another distribution as so many values.

    Args:
        counts: >= 0.
        towards: All > 0, summing to 1.
        weight: > 0.
    """
    total = sum(counts) + weight
    return [(x + weight * share) / total for x, share in zip(counts, towards, strict=True)]


def variation(shares: Sequence[float], others: Sequence[float]) -> float:
    """Give the total variation of two distributions: the share that lies in other bins."""
    return sum(abs(p - q) for p, q in zip(shares, others, strict=True)) / 2
