"""A process that began anew began all of its counters anew, also those that do not show it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.metrics.increments import Watch, increment
from headrace.metrics.restarts import restarted
from headrace.metrics.series import Series

TIMES = (10.0, 20.0, 30.0)
Values = tuple[float, ...]


def counter(values: Values, times: tuple[float, ...] = TIMES, **labels: str) -> Series:
    return Series({"instance": "a", "job": "m", "version": "2", **labels}, times, values)


def grown(*series: Series) -> list[float]:
    """Give by how much each of them grew after its first sample."""
    watch = Watch(series, 60.0)
    found = restarted({"2": list(series)}, "code")["2"]
    return [increment(one, TIMES[0], TIMES[-1], watch) for one in found]


def test_what_has_reached_its_old_value_again_began_anew_with_the_rest() -> None:
    good, bad = counter((100, 120, 40), code="200"), counter((1, 2, 2), code="500")
    assert grown(good, bad) == [20 + 40, 1 + 2]


def test_what_grew_beyond_its_old_value_began_anew_with_the_rest() -> None:
    good, bad = counter((100, 120, 40), code="200"), counter((1, 2, 7), code="500")
    assert grown(good, bad) == [20 + 40, 1 + 7]


def test_all_buckets_of_a_histogram_begin_anew_together() -> None:
    buckets = [
        counter(values, le=le)
        for le, values in {"0.1": (5, 6, 6), "0.5": (80, 90, 30), "+Inf": (90, 101, 33)}.items()
    ]
    assert grown(*buckets) == [1 + 6, 10 + 30, 11 + 33]


def test_a_count_and_its_sum_begin_anew_together() -> None:
    count = counter((50, 60, 9), __name__="headrace_reward_count")
    total = counter((1.0, 1.5, 2.0), __name__="headrace_reward_sum")
    assert grown(count, total) == [10 + 9, 0.5 + 2.0]


@pytest.mark.parametrize(
    "other",
    [{"instance": "b"}, {"job": "n"}, {"envoy_cluster_name": "another"}],
    ids=["another pod", "another job", "another cluster of the same proxy"],
)
def test_what_belongs_to_something_else_goes_on(other: dict[str, str]) -> None:
    fallen = counter((100, 120, 40), code="200")
    assert grown(fallen, counter((1, 2, 2), TIMES, code="500", **other)) == [60, 1]


def test_one_series_that_was_forgotten_and_came_again_says_nothing_of_the_rest() -> None:
    """As Istio's proxies do with series that have not grown for long."""
    good, bad = counter((1000, 1100, 1200), code="200"), counter((9, 9, 1), code="500")
    assert grown(good, bad) == [200, 1]


def test_what_was_not_scraped_at_that_moment_is_told_by_its_own_values() -> None:
    good = counter((100, 120, 40), code="200")
    bad = counter((1, 2), TIMES[:2], code="500")
    assert grown(good, bad) == [60, 1]


def test_what_nothing_fell_of_is_left_as_it_is() -> None:
    series = [counter((1, 1, 5), code="200"), counter((0, 0, 1), code="500")]
    assert restarted({"2": series}, "code")["2"] is series


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        max_size=30,
    )
)
def test_any_restarts_that_can_be_seen_at_all_lose_nothing(
    scrapes: list[tuple[bool, int, int, int]],
) -> None:
    """Those can be that leave less, in all, than there was before."""
    values: list[list[int]] = [[0], [0], [0]]
    happened = [0, 0, 0]
    for began_anew, *more in scrapes:
        before = [one[-1] for one in values]
        anew = began_anew and sum(more) < sum(before)
        for index, number in enumerate(more):
            happened[index] += number
            values[index].append(number + (0 if anew else before[index]))
    times = tuple(float(time) for time in range(len(scrapes) + 1))
    codes = ("200", "404", "500")
    series = [
        counter(tuple(map(float, one)), times, code=code)
        for one, code in zip(values, codes, strict=True)
    ]
    watch = Watch(series, 60.0)
    found = restarted({"2": series}, "code")["2"]
    assert [increment(one, 0.0, times[-1], watch) for one in found] == happened
