"""Counters that two Prometheus servers have scraped count once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.metrics.increments import Watch, boundaries, increment
from headrace.metrics.replicas import without_copies
from headrace.metrics.series import Series

STALENESS = 45.0
Samples = list[tuple[float, float]]


def copy(replica: str, samples: Samples, label: str = "prometheus_replica") -> Series:
    times, values = zip(*samples, strict=True) if samples else ((), ())
    return Series({"instance": "pod", "job": "m", label: replica}, times, values)


def merged(*copies: Series) -> Series:
    (one,) = without_copies(list(copies), STALENESS)
    return one


def grown(one: Series, start: float, end: float) -> float:
    return increment(one, start, end, Watch([one], STALENESS))


def scrapes(first: float, last: float, phase: float = 0.0, ahead: float = 0.0) -> Samples:
    """Read a counter of one a second every 15 s, with a clock that may be wrong."""
    times = range(round(first), round(last), 15)
    return [(time + phase + ahead, time + phase) for time in times]


@pytest.mark.parametrize("label", ["replica", "prometheus_replica"])
def test_two_replicas_that_scrape_alike_count_once(label: str) -> None:
    one = merged(copy("a", scrapes(0, 300), label), copy("b", scrapes(0, 300, 7.0), label))
    assert grown(one, 0.0, 285.0) == 285.0
    assert one.times == tuple(float(time) for time in range(0, 300, 15))


def test_another_replica_fills_the_gap_of_one_and_nothing_is_counted_twice() -> None:
    a = copy("a", [*scrapes(0, 100), *scrapes(300, 400)])
    one = merged(a, copy("b", scrapes(0, 400, 7.0)))
    assert grown(one, 0.0, 390.0) == 390.0
    between = [time for time in one.times if 90 < time < 300]
    assert between[0] == 142.0
    assert len(between) == 11


def test_a_clock_that_is_ahead_never_makes_a_counter_fall() -> None:
    ahead = copy("a", [*scrapes(0, 100, ahead=20.0), *scrapes(300, 600, ahead=20.0)])
    one = merged(ahead, copy("b", scrapes(0, 600, 7.0)))
    assert list(one.values) == sorted(one.values)
    assert grown(one, 50.0, 605.0) == 555.0


def test_a_restart_counts_whoever_reads_it() -> None:
    a = copy("a", [(0.0, 900.0), (15.0, 905.0), (30.0, 2.0), (45.0, 4.0)])
    b = copy("b", [(7.0, 902.0), (22.0, 1.0), (37.0, 3.0)])
    assert grown(merged(a, b), 0.0, 45.0) == 9.0


def test_a_restart_while_the_replicas_change_is_believed_after_a_while() -> None:
    a = copy("a", [(0.0, 900.0), *((100.0 + 15 * i, 10.0 + i) for i in range(8))])
    b = copy("b", [(7.0 + 15 * i, 900.0 + i) for i in range(6)])
    assert merged(a, b).values[-1] == 17.0


def test_series_without_a_label_of_replicas_are_left_as_they_are() -> None:
    series = [Series({"instance": "pod"}, (1.0,), (2.0,))]
    assert without_copies(series, STALENESS) is series


def test_targets_of_one_arm_stay_apart() -> None:
    one = copy("a", scrapes(0, 60))
    other = Series({**one.labels, "instance": "other"}, one.times, one.values)
    assert len(without_copies([one, other], STALENESS)) == 2


@given(
    st.lists(st.tuples(st.floats(0, 900), st.booleans()), min_size=2, max_size=80),
    st.lists(st.floats(0, 900), max_size=8),
)
def test_what_is_used_does_not_depend_on_when_one_looked(
    read: list[tuple[float, bool]], looks: list[float]
) -> None:
    def copies(until: float) -> list[Series]:
        times = sorted({time for time, _ in read if time <= until})
        whose = dict(read)
        return [
            copy(name, [(time, time) for time in times if whose[time] is first])
            for name, first in (("a", True), ("b", False))
        ]

    def cuts(until: float, since: float) -> tuple[float, ...]:
        return boundaries(without_copies(copies(until), 45.0), since, until, 45.0)

    since = 0.0
    in_parts: list[float] = []
    for until in [*sorted(looks), 900.0]:
        ends = cuts(until, since)
        in_parts += ends
        since = ends[-1] if ends else since
    assert tuple(in_parts) == cuts(900.0, 0.0)
