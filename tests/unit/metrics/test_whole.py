"""A histogram is read at scrapes that have all of its buckets, and each increment once."""

from __future__ import annotations

import json
import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from headrace.metrics.increments import Watch, boundaries, bucket_increments
from headrace.metrics.series import Series, SeriesReader, parse_matrix
from headrace.metrics.whole import whole

STALENESS = 3.0
Rows = dict[str, list[tuple[float, str]]]


def read(rows: Rows, target: str = "a") -> list[Series]:
    result = [{"metric": {"instance": target, "le": le}, "values": v} for le, v in rows.items()]
    return list(parse_matrix(json.loads(json.dumps(result), object_hook=SeriesReader())))


def grown(series: list[Series], places: list[float]) -> list[dict[float, float]]:
    kept = whole({"1": series}, STALENESS)["1"]
    watch = Watch(kept, STALENESS)
    return [bucket_increments(kept, start, end, watch) for start, end in pairwise(places)]


def test_a_scrape_with_a_bucket_that_is_no_number_counts_with_the_next_one() -> None:
    rows: Rows = {
        "0.1": [(10, "0"), (11, "NaN"), (12, "6")],
        "+Inf": [(10, "0"), (11, "4"), (12, "8")],
    }
    first, second = grown(read(rows), [10.0, 11.0, 12.0])
    assert first == {0.1: 0.0, math.inf: 0.0}
    assert second == {0.1: 6.0, math.inf: 2.0}


def test_a_scrape_that_lacks_a_known_bucket_counts_with_the_next_one() -> None:
    rows: Rows = {"0.1": [(10, "0"), (12, "6")], "+Inf": [(10, "0"), (11, "4"), (12, "8")]}
    first, second = grown(read(rows), [10.0, 11.0, 12.0])
    assert (sum(first.values()), second) == (0.0, {0.1: 6.0, math.inf: 2.0})


def test_time_is_not_cut_at_a_scrape_that_is_not_whole() -> None:
    rows: Rows = {
        "0.1": [(10, "0"), (11, "NaN"), (12, "6")],
        "+Inf": [(10, "0"), (11, "4"), (12, "8")],
    }
    kept = whole({"1": read(rows)}, STALENESS)["1"]
    assert boundaries(kept, 10.0, 99.0, STALENESS) == (12.0,)


def test_a_histogram_whose_first_scrape_is_not_whole_begins_with_a_base_line() -> None:
    rows: Rows = {
        "0.1": [(11, "NaN"), (12, "6"), (13, "7")],
        "+Inf": [(11, "4"), (12, "8"), (13, "9")],
    }
    watched = read({"0.1": [(10, "0")], "+Inf": [(10, "0")]}, "b")
    (all_of_it,) = grown([*read(rows), *watched], [10.0, 13.0])
    assert all_of_it == {0.1: 1.0, math.inf: 0.0}


def test_a_bucket_that_has_gone_is_not_waited_for_longer_than_its_staleness() -> None:
    rows: Rows = {
        "0.1": [(10, "0"), (11, "1")],
        "+Inf": [(float(t), str(t)) for t in range(10, 20)],
    }
    kept = whole({"1": read(rows)}, STALENESS)["1"]
    assert boundaries(kept, 10.0, 99.0, STALENESS) == (11.0, 15.0, 16.0, 17.0, 18.0, 19.0)


def test_another_histogram_of_the_same_target_is_read_all_the_same() -> None:
    times = [(float(t), str(t)) for t in range(10, 14)]
    broken = [(t, "NaN" if t == 12 else v) for t, v in times]
    arms = {"1": read({"0.1": times, "+Inf": times}), "2": read({"0.1": broken, "+Inf": times})}
    kept = whole(arms, STALENESS)
    assert {one.times for one in kept["1"]} == {(10.0, 11.0, 12.0, 13.0)}
    assert {one.times for one in kept["2"]} == {(10.0, 11.0, 13.0)}


def test_histograms_of_which_nothing_is_missing_are_left_as_they_are() -> None:
    arms = {"1": read({"0.1": [(10, "0"), (11, "1")], "+Inf": [(10, "0"), (11, "4")]})}
    assert whole(arms, STALENESS) == arms


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_whatever_is_missing_a_histogram_keeps_its_shape_and_each_increment_counts_once(
    missing: list[tuple[bool, bool, bool]],
) -> None:
    """Every scrape adds one value to each of three buckets."""
    rows: Rows = {}
    last = len(missing) + 1
    for bucket, le in enumerate(("0.1", "0.5", "+Inf"), start=1):
        gone = [False, *(some[bucket - 1] for some in missing), False]
        rows[le] = [(float(t), "NaN" if lost else str(t * bucket)) for t, lost in enumerate(gone)]
    parts = grown(read(rows), [float(t) for t in range(last + 1)])
    for part in parts:
        assert len(set(part.values())) == 1
    assert sum(part[0.1] for part in parts) == last
