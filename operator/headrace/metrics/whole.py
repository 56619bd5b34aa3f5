"""A histogram counts only as of scrapes that have all of its buckets.

A bucket without a sample does not grow, while the others do: the requests in it would seem to be
slower ones. So a scrape in which a bucket is missing is taken as missing for the whole histogram,
and what happened comes with the next scrape that has all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.metrics.series import Series

_Key = frozenset[tuple[str, str]]


def whole(arms: dict[str, list[Series]], staleness: float) -> dict[str, list[Series]]:
    """Leave out the scrapes that lack a bucket.

    Which are left out depends on the samples before them alone, not on when one looks.

    Args:
        arms: Series by version; those without the label `le` stay as they are.
        staleness: Seconds of scrapes without a bucket after which it is not waited for.
    """
    return {version: _whole(group, staleness) for version, group in arms.items()}


def _whole(series: list[Series], staleness: float) -> list[Series]:
    buckets = [one for one in series if "le" in one.labels]
    if not buckets or all(one.times == buckets[0].times and not one.unread for one in buckets):
        return series
    histograms: dict[_Key, list[Series]] = {}
    for one in buckets:
        histograms.setdefault(_key(one), []).append(one)
    broken = {key: _broken(some, staleness) for key, some in histograms.items()}
    return [one.without(broken[_key(one)]) if "le" in one.labels else one for one in series]


def _key(bucket: Series) -> _Key:
    """Give what the buckets of one histogram of one target have in common."""
    return frozenset((name, text) for name, text in bucket.labels.items() if name != "le")


def _broken(buckets: Sequence[Series], staleness: float) -> frozenset[float]:
    unread = (time for one in buckets for time in one.unread)
    return frozenset(_lacking(buckets, staleness).union(unread))


def _lacking(buckets: Sequence[Series], staleness: float) -> set[float]:
    """Find the scrapes of one histogram without a bucket that it had shortly before."""
    times = sorted({time for one in buckets for time in one.times})
    found = set()
    for one in buckets:
        if len(one.times) == len(times):
            continue
        own, last, before = set(one.times), None, 0.0
        for time in times:
            if time in own:
                last = time
            # By the scrapes that there were: when all were lost, it was there as much as they.
            elif last is not None and before - last < staleness:
                found.add(time)
            before = time
    return found
