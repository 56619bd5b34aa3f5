"""One history of a counter that several Prometheus servers have scraped.

Two replicas of a Prometheus scrape the same targets; what asks both, as Thanos does without
deduplication, answers with every counter twice. The samples of one replica are used as long as it
has some, as two clocks in one series could make a counter seem to fall. Others fill its gaps: a
counter says how much there was since it began, whoever reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.metrics.series import Series

REPLICA_LABELS = ("prometheus_replica", "replica")
"""What sets the copies apart: the external label of the Prometheus operator, and of most others."""

_Key = frozenset[tuple[str, str]]


def without_copies(series: list[Series], staleness: float) -> list[Series]:
    """Give every counter once.

    Which sample is used depends on those before it alone, so that it does not matter when one
    looks.

    Args:
        series: Of one arm.
        staleness: Seconds without a sample after which a replica is not waited for.
    """
    if not any(label in one.labels for one in series for label in REPLICA_LABELS):
        return series
    copies: dict[_Key, list[Series]] = {}
    for one in series:
        own = {name: text for name, text in one.labels.items() if name not in REPLICA_LABELS}
        copies.setdefault(frozenset(own.items()), []).append(one)
    return [_one_of(sorted(group, key=_replica), staleness) for group in copies.values()]


def _replica(series: Series) -> tuple[str, ...]:
    return tuple(series.labels.get(label, "") for label in REPLICA_LABELS)


def _one_of(copies: Sequence[Series], staleness: float) -> Series:
    first, *others = copies
    if not others:
        return first
    samples = sorted(
        (time, rank, value)
        for rank, copy in enumerate(copies)
        for time, value in zip(copy.times, copy.values, strict=True)
    )
    last: dict[int, tuple[float, float]] = {}
    kept: list[tuple[float, float]] = []
    for time, rank, value in samples:
        better = (last[other][0] for other in range(rank) if other in last)
        if all(time - seen > staleness for seen in better):
            own = last.get(rank, (time, value))[1]
            told_at, told = kept[-1] if kept else (time, value)
            # Less than another has told, and no fall of its own: its clock is behind.
            if own <= value >= told or value < own or time - told_at > staleness:
                kept.append((time, value))
        last[rank] = (time, value)
    times, values = zip(*kept, strict=True) if kept else ((), ())
    went_on = any(copy.goes_on for copy in copies)
    nonsense = sum(copy.nonsense for copy in copies)
    unread = {time for copy in copies for time in copy.unread}.difference(times)
    return Series(first.labels, times, values, went_on, nonsense, tuple(sorted(unread)))
