"""Intervals as the tests use them: cleaned, and never the same requests twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from headrace.engine.observations import Counts, Histogram, Interval, Value


def counts(value: Value | None) -> Counts | None:
    """Give counts that a test can use.

    Args:
        value: What was observed of an arm.

    Returns:
        Counts with `0 <= bad <= total`: bad answers beyond the total are clamped, as the two
        counters are not read at one instant. None without exposures, or if a number is not
        finite or the total is negative, or for another kind of value: missing data, not bad data.
    """
    if not isinstance(value, Counts):
        return None
    if not (math.isfinite(value.bad) and math.isfinite(value.total) and value.total > 0):
        return None
    if 0 <= value.bad <= value.total:
        return value
    return Counts(min(max(value.bad, 0.0), value.total), value.total)


def histogram(value: Value | None) -> Histogram | None:
    """Give a histogram that a test can use.

    Args:
        value: What was observed of an arm.

    Returns:
        The same. None without exposures, or if it is malformed (a count that is not finite or
        negative, bounds that do not rise or do not end with `inf`): missing data, not bad data.
    """
    if not isinstance(value, Histogram) or len(value.bounds) != len(value.counts):
        return None
    total = sum(value.counts)
    if not 0 < total < math.inf or min(value.counts) < 0:
        return None
    return value if _are_bounds(value.bounds) else None


@lru_cache(maxsize=256)
def _are_bounds(bounds: tuple[float, ...]) -> bool:
    """Tell whether these can be the bounds of buckets; at every scrape they are the same."""
    rising = all(low < high for low, high in pairwise(bounds))
    return rising and bounds[-1] == math.inf and bounds[0] > 0


def coarsened(value: Histogram, bounds: Sequence[float]) -> tuple[float, ...] | None:
    """Count a histogram in wider buckets.

    Args:
        value: A clean histogram.
        bounds: Finite upper bounds, rising.

    Returns:
        Counts, one more than the bounds; None if a bound is not one of the histogram's.
    """
    if value.bounds[:-1] == tuple(bounds):
        return value.counts
    if not set(bounds) <= set(value.bounds):
        return None
    sums, edges = [0.0], iter([*bounds, math.inf])
    edge = next(edges)
    for bound, number in zip(value.bounds, value.counts, strict=True):
        if bound > edge:
            edge = next(edges)
            sums.append(0.0)
        sums[-1] += number
    return tuple(sums)


def overlaps(interval: Interval, used: Sequence[float]) -> bool:
    """Tell whether an interval shares time with the last one that was used.

    The same requests of stable are in the intervals of mirrored and of live requests. Used twice,
    they would count as independent, and a guess learned from them would not be from the past.

    Args:
        interval: The next one.
        used: Start and end of the last; empty if there is none.
    """
    return bool(used) and interval.start < used[1] and interval.end > used[0]
