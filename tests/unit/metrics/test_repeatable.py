"""The same counters give the same intervals, however often and whenever one looks."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.counters import RouterCounters, of_servers
from headrace.engine.observations import Counts, Interval, Metric
from headrace.metrics.collected import Collected
from headrace.metrics.reading import Batch, Reading
from headrace.metrics.series import Series
from headrace.metrics.source import Measured, Request

KEY = "models/m"
REQUESTS = Metric.REQUESTS.value
END = 90.0


class Scrape(NamedTuple):
    """What follows the scrape before it."""

    gap: float
    growth: int
    restarts: bool


scrapes = st.lists(
    st.builds(
        Scrape,
        gap=st.sampled_from([1.0, 1.0, 1.0, 1.25, 2.5, 3.5, 9.0, 20.0]),
        growth=st.integers(0, 30),
        restarts=st.integers(0, 20).map(lambda number: number == 0),
    ),
    min_size=20,
    max_size=60,
)


def counter(version: str, instance: str, first: float, follow: Sequence[Scrape]) -> Series:
    times, values, time, value = [], [], first, 0.0
    for scrape in follow:
        time += scrape.gap
        value = scrape.growth + (0.0 if scrape.restarts else value)
        times.append(time)
        values.append(value)
    labels = {"model": "m", "version": version, "instance": instance, "code": "200"}
    return Series(labels, tuple(times), tuple(values))


def answer(kept: Sequence[Series], batch: Batch) -> list[Series]:
    """Answer as Prometheus does: the samples of the window, and no series without any."""
    found = re.search(r"\[(\d+)s\]$", batch.query)
    assert found is not None
    series = []
    for one in kept:
        first = bisect.bisect_left(one.times, batch.at - int(found[1]))
        last = bisect.bisect_right(one.times, batch.at)
        if first < last:
            series.append(Series(one.labels, one.times[first:last], one.values[first:last]))
    return series


def look(kept: Sequence[Series], request: Request, now: float) -> Measured:
    reading = Reading([request], now)
    batches = reading.batches()
    for batch in batches:
        batch.hand_out(answer(kept, batch))
    for batch in reading.batches_for_new(batches):
        batch.hand_out_earlier(answer(kept, batch))
    collected = Collected(request, now, settle=0.25)
    collected.add(REQUESTS, reading.wanted[KEY, REQUESTS])
    return collected.result()


def told(intervals: Sequence[Interval]) -> list[tuple[float, float, float]]:
    def size(value: object) -> float:
        return value.total if isinstance(value, Counts) else 0.0

    return [(each.end, size(each.stable), size(each.candidate)) for each in intervals]


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from("12"), st.floats(0, 20), scrapes), min_size=2, max_size=4),
    st.floats(0.5, 9.0),
)
def test_looking_often_tells_what_looking_once_tells(
    pods: list[tuple[str, float, list[Scrape]]], every: float
) -> None:
    kept = [counter(v, f"pod-{i}", start, s) for i, (v, start, s) in enumerate(pods)]
    counters = of_servers(KEY, "m", ("1", "2"), "headrace_requests_total")
    router = RouterCounters(counters, counters, counters)
    request = Request(KEY, "m", "1", ("2",), {REQUESTS: 0.0}, 1.0, router)
    at_once = look(kept, request, END + 600.0)
    in_parts: list[Interval] = []
    for now in [*(every * i for i in range(1, round(END / every))), END + 600.0]:
        measured = look(kept, request, now)
        in_parts += measured.intervals
        request = replace(request, since=measured.watermarks)
    assert told(in_parts) == told(at_once.intervals)
