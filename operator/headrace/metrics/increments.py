"""From raw counters to what happened between two scrapes, each increment exactly once.

Never `rate()` or `increase()`: they extrapolate, and overlapping windows count the same request
again, which makes honest statistics impossible (a nominal error of 1 % becomes 9 to 29 %). Time
is cut at scrapes, at places that depend on the samples alone and not on when we looked, so that
after a restart the same samples give the same intervals to the bit.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from headrace.metrics.series import Series, Target, bound_of

GONE = 3.0
"""Intervals without a sample after which a target is not waited for."""


def boundaries(
    series: Iterable[Series], since: float, until: float, staleness: float
) -> tuple[float, ...]:
    """Find where to cut time: as soon as every live target has been scraped once more.

    Args:
        series: Of all arms: they are cut at the same places.
        since: Unix seconds; the first interval starts here.
        until: Unix seconds; later samples are left for the next time.
        staleness: Seconds after which a target without a sample is gone and not waited for.

    Returns:
        The ends of the intervals, rising, all in `(since, until]`.
    """
    times: dict[Target, set[float]] = {}
    for one in series:
        times.setdefault(one.target, set()).update(one.times)
    scraped: dict[float, set[Target]] = {}
    for target, seen_at in times.items():
        for time in seen_at:
            scraped.setdefault(time, set()).add(target)
    latest: dict[Target, float] = {}
    fresh: set[Target] = set()
    ends: list[float] = []
    for time in sorted(scraped):
        if time > until:
            break
        latest |= dict.fromkeys(scraped[time], time)
        if time <= since:
            continue
        fresh |= scraped[time]
        live = {target for target, seen in latest.items() if time - seen <= staleness}
        if live <= fresh:
            ends.append(time)
            fresh = set()
    return tuple(ends)


class Watch:
    """When anything was scraped: tells a counter that is new from one that was not looked at."""

    def __init__(self, series: Iterable[Series], staleness: float) -> None:
        self._times = sorted({time for one in series for time in one.times})
        self._staleness = staleness

    def was_on(self, before: float) -> bool:
        """Tell whether a scrape took place shortly before this instant."""
        index = bisect.bisect_left(self._times, before)
        return index > 0 and before - self._times[index - 1] <= self._staleness


def increment(series: Series, start: float, end: float, watch: Watch) -> float:
    """Give by how much a counter grew in `(start, end]`, from the last sample before `start` on.

    A value that falls is a restart from zero, as is one that is marked (`Series.anew`). A counter
    without an earlier sample began at zero if scrapes were going on just before it appeared;
    otherwise nobody knows, and its first value is a base line.

    Args:
        series: One counter.
        start: Unix seconds, exclusive.
        end: Unix seconds, inclusive.
        watch: The scrapes of all series that came with it.

    Returns:
        The growth, >= 0.
    """
    first = bisect.bisect_right(series.times, start)
    last = bisect.bisect_right(series.times, end, first)
    if first == last:
        return 0.0
    values = series.values
    if first > 0:
        before = values[first - 1]
    else:
        new = not series.goes_on and watch.was_on(series.times[0])
        before = 0.0 if new else values[0]
    grown = 0.0
    for time, value in zip(series.times[first:last], values[first:last], strict=True):
        goes_on = value >= before and time not in series.anew
        grown += value - before if goes_on else value
        before = value
    return grown


def level(series: Series, end: float) -> float | None:
    """Give what a counter stood at, for those that tell a number and never grow.

    Args:
        series: One counter.
        end: Unix seconds, inclusive.

    Returns:
        Its last value; None before its first.
    """
    last = bisect.bisect_right(series.times, end)
    return series.values[last - 1] if last else None


def bucket_increments(
    series: Sequence[Series], start: float, end: float, watch: Watch
) -> dict[float, float]:
    """Give the growth of a histogram's buckets, not cumulative, summed over targets.

    The counters of one scrape are not read at one instant, so a bucket may seem to hold less
    than the one below it; the cumulative counts are made monotone first.

    Args:
        series: Buckets with the label `le`, of one arm.
        start: Unix seconds, exclusive.
        end: Unix seconds, inclusive.
        watch: The scrapes of all series that came with them.

    Returns:
        By upper bound in the unit of the series, rising, `inf` last. Empty without series.

    Raises:
        ValueError: A series has no bound.
    """
    cumulative: dict[float, float] = {}
    for one in series:
        bound = bound_of(one)
        cumulative[bound] = cumulative.get(bound, 0.0) + increment(one, start, end, watch)
    buckets = {}
    below = 0.0
    for bound in sorted(cumulative):
        top = max(below, cumulative[bound])
        buckets[bound] = top - below
        below = top
    return buckets
