"""From raw counters to increments: each exactly once, whatever the scrapes do."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.metrics.increments import Watch, boundaries, bucket_increments, increment
from headrace.metrics.series import Series, SeriesReader, parse_matrix

Samples = list[tuple[float, float]]


def series(samples: Samples, target: str = "a", **labels: str) -> Series:
    times, values = zip(*samples, strict=True) if samples else ((), ())
    return Series({"instance": target, **labels}, times, values)


def grown(samples: Samples, start: float, end: float, others: Samples = ()) -> float:  # type: ignore[assignment]
    one = series(samples)
    watch = Watch([one, series(list(others), "b")], staleness=3.0)
    return increment(one, start, end, watch)


@pytest.mark.parametrize(
    ("samples", "others", "expected"),
    [
        pytest.param([(9, 5), (10, 5), (11, 8), (12, 9)], [], 4.0, id="growth is the difference"),
        pytest.param([(10, 5), (11, 8), (12, 2)], [], 5.0, id="a fall is a restart from zero"),
        pytest.param([(10, 5)], [], 0.0, id="no sample in the interval is no growth"),
        pytest.param([(11, 7), (12, 9)], [], 2.0, id="a counter nobody watched starts as a base"),
        pytest.param(
            [(11, 7), (12, 9)],
            [(10, 0)],
            9.0,
            id="a counter that appears under watch began at zero",
        ),
        pytest.param(
            [(11, 7), (12, 9)], [(4, 0)], 2.0, id="a watch that ended long before saw nothing"
        ),
        pytest.param(
            [(5, 5), (11, 8)], [], 3.0, id="missed scrapes are made up for by the next one"
        ),
        pytest.param([], [(10, 0)], 0.0, id="no samples at all is no growth"),
    ],
)
def test_the_increment_in_ten_to_twelve(samples: Samples, others: Samples, expected: float) -> None:
    assert grown(samples, 10.0, 12.0, others) == expected


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=40),
    st.lists(st.integers(0, 40), max_size=10),
)
def test_increments_of_any_partition_add_up_to_the_whole(steps: list[int], cuts: list[int]) -> None:
    values = [float(sum(steps[: i + 1])) for i in range(len(steps))]
    samples = [(float(i), value) for i, value in enumerate(values)]
    places = sorted({0.0, *map(float, cuts), 40.0})
    parts = [grown(samples, start, end) for start, end in pairwise(places)]
    assert sum(parts) == values[-1] - values[0]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=30))
def test_a_restart_never_gives_a_negative_increment_nor_loses_what_came_after(
    moves: list[tuple[int, bool]],
) -> None:
    value, real, samples = 0.0, 0.0, []
    for time, (step, restart) in enumerate(moves):
        if restart:
            value = 0.0
        value += step
        real += step if time else 0.0
        samples.append((float(time), value))
    total = grown(samples, 0.0, 99.0)
    assert 0 <= total <= real


def test_time_is_cut_when_every_live_target_has_been_scraped_again() -> None:
    a = series([(t, 0.0) for t in (0.0, 1.0, 2.0, 3.0)], "a")
    b = series([(t + 0.4, 0.0) for t in (0.0, 1.0, 2.0)], "b")
    assert boundaries([a, b], 0.5, 9.0, staleness=3.0) == (1.4, 2.4)


def test_one_target_is_cut_at_each_of_its_scrapes() -> None:
    a = series([(t, 0.0) for t in (0.0, 1.0, 2.0, 3.0)])
    assert boundaries([a], 0.0, 2.5, staleness=3.0) == (1.0, 2.0)


def test_a_target_that_has_gone_is_not_waited_for_longer_than_its_staleness() -> None:
    a = series([(float(t), 0.0) for t in range(10)], "a")
    b = series([(0.5, 0.0), (1.5, 0.0)], "b")
    assert boundaries([a, b], 0.6, 9.0, staleness=3.0) == (1.5, 5.0, 6.0, 7.0, 8.0, 9.0)


@given(
    st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=60),
    st.lists(st.floats(0, 60, allow_nan=False), max_size=60),
    st.lists(st.floats(0, 70, allow_nan=False), min_size=1, max_size=8),
)
def test_the_cuts_do_not_depend_on_when_one_looked(
    first: list[float], second: list[float], looks: list[float]
) -> None:
    a = series([(t, 0.0) for t in sorted(set(first))], "a")
    b = series([(t, 0.0) for t in sorted(set(second))], "b")
    at_once = boundaries([a, b], 0.0, 70.0, staleness=5.0)
    since = 0.0
    in_parts: list[float] = []
    for until in [*sorted(looks), 70.0]:
        ends = boundaries([a, b], since, until, staleness=5.0)
        in_parts += ends
        since = ends[-1] if ends else since
    assert tuple(in_parts) == at_once


def test_buckets_are_not_cumulative_and_never_negative() -> None:
    rows = {"0.1": (0, 3), "0.5": (0, 2), "+Inf": (0, 9)}
    buckets = [series([(10, a), (11, b)], le=le) for le, (a, b) in rows.items()]
    watch = Watch(buckets, 3.0)
    assert bucket_increments(buckets, 10.0, 11.0, watch) == {0.1: 3.0, 0.5: 0.0, math.inf: 6.0}


def test_buckets_of_several_targets_are_summed() -> None:
    buckets = [
        series([(10, 0), (11, n)], target, le=le)
        for target in "ab"
        for le, n in (("0.1", 1), ("+Inf", 4))
    ]
    assert bucket_increments(buckets, 10.0, 11.0, Watch(buckets, 3.0)) == {0.1: 2.0, math.inf: 6.0}


def read(result: list[dict[str, object]]) -> tuple[Series, ...]:
    return parse_matrix(json.loads(json.dumps(result), object_hook=SeriesReader()))


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "-1", "1.7e308"])
def test_what_no_counter_can_say_is_left_out_and_counted(text: str) -> None:
    (answer,) = read([{"metric": {}, "values": [[1.0, "3"], [2.0, text], [3.0, "4"]]}])
    assert (answer.times, answer.values) == ((1.0, 3.0), (3.0, 4.0))
    assert answer.nonsense == 1


def test_a_counter_after_nonsense_did_not_begin_at_zero() -> None:
    (one,) = read([{"metric": {}, "values": [[11.0, "NaN"], [12.0, "900"], [13.0, "901"]]}])
    watch = Watch([one, series([(10.0, 0.0), (11.0, 0.0)], "b")], staleness=3.0)
    assert increment(one, 10.0, 13.0, watch) == 1.0


def test_samples_in_disorder_are_sorted_and_the_last_of_two_counts() -> None:
    (one,) = read([{"metric": {}, "values": [[3.0, "5"], [1.0, "1"], [1.0, "2"]]}])
    assert (one.times, one.values) == ((1.0, 3.0), (2.0, 5.0))


@pytest.mark.parametrize(
    "result",
    [
        pytest.param([{"metric": {}, "value": [1.0, "3"]}], id="an instant vector"),
        pytest.param([{"values": [[1.0, "3"]]}], id="no labels"),
        pytest.param([{"metric": {}, "values": [[1.0, "three"]]}], id="no number"),
        pytest.param([{"metric": {"job": 1}, "values": [[1.0, "3"]]}], id="a label that is none"),
        pytest.param([{"metric": {}, "values": [[1.0, "3", 4]]}], id="a sample of three"),
    ],
)
def test_what_is_no_matrix_is_refused(result: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match=r"matrix|float|unpack"):
        read(result)


def test_labels_may_be_called_like_the_parts_of_an_answer() -> None:
    labels = {"metric": "m", "values": "v"}
    (one,) = read([{"metric": labels, "values": [[1.0, "3"]]}])
    assert one.labels == labels
