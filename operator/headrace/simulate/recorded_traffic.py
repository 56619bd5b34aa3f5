"""What the arms did in a recording, whoever was asked for what: for the peers' rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from headrace.engine.observations import Counts, Histogram, Interval, Metric
from headrace.metrics.source import Metrics, Request
from headrace.simulate.traffic import Arm, Drawn

_AT_ONCE = 40
"""Intervals that are read at once: the increments look at all samples of a window."""
_SETTLED = 1.0
"""Seconds after which the last scrape counts as complete."""
_IDLE = Arm(Counts(0.0, 0.0), Histogram((math.inf,), (0.0,)))


def intervals_of(
    metrics: Metrics, request: Request, first: float, last: float
) -> Iterator[Interval]:
    """Give who was served by whom, scrape by scrape, of the first candidate.

    Args:
        metrics: What was recorded.
        request: Of which rollout.
        first: Unix seconds.
        last: Unix seconds.
    """
    wanted = (Metric.REQUESTS, Metric.MIRRORED, Metric.LATENCY)
    since = {metric: first for metric in request.since if metric in wanted}
    now, end = first, last + _SETTLED
    while now < end:
        now = min(now + _AT_ONCE * request.interval, end)
        measured = metrics.observe([replace(request, since=since)], now)[request.rollout]
        yield from (one for one in measured.intervals if not one.challenger)
        since = {metric: measured.watermarks.get(metric, at) for metric, at in since.items()}


def began(intervals: Iterable[Interval], *metrics: Metric) -> float | None:
    """Give when the candidate got its first request; None if it got none."""
    starts = [
        one.start
        for one in intervals
        if one.metric in metrics and one.candidate is not None and one.candidate.size > 0
    ]
    return min(starts, default=None)


def drawn(intervals: Sequence[Interval], start: float, end: float, width: float) -> Iterator[Drawn]:
    """Sum the live requests up over equal times, as a rule looks at them.

    Args:
        intervals: Of requests and latency.
        start: Unix seconds.
        end: Unix seconds; a time that is not over by then is left out.
        width: Seconds.
    """
    for index in range(math.floor((end - start) / width)):
        first, last = start + index * width, start + (index + 1) * width
        here = [one for one in intervals if first < one.end <= last]
        seen = any(one.metric == Metric.REQUESTS for one in here)
        yield Drawn(_arm(here, "stable"), _arm(here, "candidate"), seen)


def _arm(intervals: Sequence[Interval], name: str) -> Arm:
    values = [getattr(one, name) for one in intervals]
    counts = [
        value
        for one, value in zip(intervals, values, strict=True)
        if one.metric == Metric.REQUESTS and isinstance(value, Counts)
    ]
    buckets: dict[float, float] = {}
    for value in values:
        if isinstance(value, Histogram):
            for bound, count in zip(value.bounds, value.counts, strict=True):
                buckets[bound] = buckets.get(bound, 0.0) + count
    latency = _IDLE.latency
    if buckets:
        bounds = tuple(sorted(buckets))
        latency = Histogram(bounds, tuple(buckets[bound] for bound in bounds))
    return Arm(Counts(sum(c.bad for c in counts), sum(c.total for c in counts)), latency)
