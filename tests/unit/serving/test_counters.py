from __future__ import annotations

import math
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from headrace.serving.bounds import DIFFERENCE, LATENCY_SECONDS, REWARD
from headrace.serving.bundle import Reference
from headrace.serving.counters import MOST_SEGMENTS, Counters, HistogramSample, Sample
from headrace.serving.reference import Categories
from headrace.serving.request import Cell

Table = dict[str, list[Cell]]


@pytest.fixture
def counters(reference: Reference) -> Counters:
    return Counters("flight-delay", "2", reference)


def value(counters: Counters, name: str, **labels: str) -> Sample:
    wanted = {"model": "flight-delay", "version": "2", **labels}
    (found,) = [each for each in counters.samples() if each.name == name and each.labels == wanted]
    return found


def count(counters: Counters, name: str, **labels: str) -> float:
    found = value(counters, name, **labels)
    assert not isinstance(found, HistogramSample)
    return found.value


def histogram(counters: Counters, name: str, **labels: str) -> HistogramSample:
    found = value(counters, name, **labels)
    assert isinstance(found, HistogramSample)
    return found


def test_latency_bounds_go_from_1_ms_to_10_s_in_steps_of_a_quarter() -> None:
    assert LATENCY_SECONDS[0] == 0.001
    assert LATENCY_SECONDS[-1] == 10
    assert len(LATENCY_SECONDS) == 41
    ratios = [after / before for before, after in pairwise(LATENCY_SECONDS)]
    assert min(ratios) > 1.25
    assert max(ratios) < 1.27


@pytest.mark.parametrize("bounds", [LATENCY_SECONDS, REWARD, DIFFERENCE])
def test_bounds_ascend(bounds: tuple[float, ...]) -> None:
    assert sorted(set(bounds)) == list(bounds)


@pytest.mark.parametrize("code", [200, 400, 413, 500])
def test_requests_are_counted_by_code_from_zero(counters: Counters, code: int) -> None:
    assert count(counters, "headrace_requests_total", code=str(code)) == 0
    counters.count_request(code, 0.001)
    assert count(counters, "headrace_requests_total", code=str(code)) == 1


def test_only_answers_count_for_the_latency(counters: Counters) -> None:
    for code in (200, 400, 500):
        counters.count_request(code, 0.0015)
    found = histogram(counters, "headrace_request_seconds")
    assert sum(found.counts) == 1
    assert found.counts[found.bounds.index(0.00158)] == 1
    assert found.total == 0.0015


def test_a_bin_holds_its_own_bound_and_not_the_one_before(counters: Counters) -> None:
    columns: Table = {"distance": [-5, 0.0, 0.1, 1.0, 1.1], "carrier": ["AA"] * 5}
    counters.count_prediction(columns, [0.25, 0.26, 0.5, 0.9, 1.0])
    assert histogram(counters, "headrace_feature", feature="distance").counts == (2, 2, 1)
    assert histogram(counters, "headrace_prediction").counts == (1, 2, 0, 2)


def test_nulls_and_numbers_that_are_not_finite_are_missing(counters: Counters) -> None:
    columns: Table = {"distance": [None, math.nan, math.inf, 0], "carrier": ["AA"] * 4}
    counters.count_prediction(columns, [0.1] * 4)
    name = "headrace_feature_category_total"
    assert count(counters, name, feature="distance", category="missing") == 3
    found = histogram(counters, "headrace_feature", feature="distance")
    assert found.counts == (1, 0, 0)
    assert found.total == 0


def test_categories_are_counted_by_name_unknown_ones_as_other(counters: Counters) -> None:
    columns: Table = {"distance": [1] * 5, "carrier": ["AA", "ZZ", None, "AA", "other"]}
    counters.count_prediction(columns, [0.1] * 5)
    found = {
        category: count(
            counters, "headrace_feature_category_total", feature="carrier", category=category
        )
        for category in ("AA", "UA", "other", "missing")
    }
    assert found == {"AA": 2, "UA": 0, "other": 2, "missing": 1}


def test_inputs_without_a_reference_are_not_counted(counters: Counters) -> None:
    columns: Table = {"distance": [1], "carrier": ["AA"], "secret": ["x"]}
    counters.count_prediction(columns, [0.1])
    assert all(each.labels.get("feature") != "secret" for each in counters.samples())


def test_sums_keep_the_precision_of_a_double(counters: Counters) -> None:
    numbers: Any = np.array([16_777_216, 1, 1], np.float32)
    counters.count_prediction({"distance": numbers, "carrier": ["AA"] * 3}, [0.1] * 3)
    assert histogram(counters, "headrace_feature", feature="distance").total == 16_777_218


def test_labels_are_counted_as_categories(reference: Reference) -> None:
    labels = Reference(reference.features, Categories({"yes": 1, "no": 2}))
    counters = Counters("flight-delay", "2", labels)
    counters.count_prediction({"distance": [1] * 3, "carrier": ["AA"] * 3}, ["yes", "yes", "?"])
    name = "headrace_prediction_category_total"
    assert count(counters, name, category="yes") == 2
    assert count(counters, name, category="other") == 1


def test_rewards_of_zero_are_counted(counters: Counters) -> None:
    for reward in (0, 0, 1, 0.5):
        counters.count_reward(reward)
    found = histogram(counters, "headrace_reward")
    assert found.counts[0] == 2
    assert sum(found.counts) == 4
    assert found.total == 1.5


def segments_of(counters: Counters) -> dict[str, tuple[int, float | None]]:
    return {
        each.labels["segment"]: (sum(each.counts), each.total)
        for each in counters.samples()
        if each.name == "headrace_segment_reward" and isinstance(each, HistogramSample)
    }


def test_rewards_are_counted_by_segment_only_where_that_is_asked(
    counters: Counters, reference: Reference
) -> None:
    segmented = Counters("flight-delay", "2", reference, segmented=True)
    assert segments_of(segmented) == {"other": (0, 0.0)}
    for each in (counters, segmented):
        for reward, segment in ((1, "at"), (0, "at"), (0.5, "ch"), (1, "other")):
            each.count_reward(reward, segment)
        assert histogram(each, "headrace_reward").total == 2.5
    assert segments_of(segmented) == {"other": (1, 1.0), "at": (2, 1.0), "ch": (1, 0.5)}
    assert segments_of(counters) == {}


def test_segments_beyond_the_most_are_counted_as_other(reference: Reference) -> None:
    counters = Counters("flight-delay", "2", reference, segmented=True)
    for number in range(MOST_SEGMENTS + 7):
        counters.count_reward(1, f"segment {number}")
    counters.count_reward(1, "segment 0")
    found = segments_of(counters)
    assert len(found) == MOST_SEGMENTS + 1
    assert found["other"] == (7, 7.0)
    assert found["segment 0"] == (2, 2.0)


def test_counts_are_exact_when_many_threads_count(counters: Counters) -> None:
    threads, each = 8, 2000
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        for _ in range(each):
            counters.count_request(200, 0.002)
            counters.count_prediction({"distance": [1, 2], "carrier": ["AA", None]}, [0.3, 0.6])
            counters.count_reward(0)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    while any(worker.is_alive() for worker in workers):
        counters.samples()
        # Of one moment: each request adds two of each.
        found = histogram(counters, "headrace_prediction")
        assert found.counts[1] == found.counts[2]
    for worker in workers:
        worker.join()
    total = threads * each
    assert count(counters, "headrace_requests_total", code="200") == total
    assert histogram(counters, "headrace_request_seconds").total == pytest.approx(total * 0.002)
    assert histogram(counters, "headrace_feature", feature="distance").counts == (0, total, total)
    assert histogram(counters, "headrace_reward").counts[0] == total


def test_the_training_data_are_shown_in_the_bins_and_by_the_names_of_the_live_counts(
    counters: Counters, reference: Reference
) -> None:
    def shape(name: str) -> set[tuple[tuple[str, str], ...]]:
        found = set()
        for each in counters.samples():
            if each.name.removesuffix("_category_total") == name:
                bounds = str(each.bounds) if isinstance(each, HistogramSample) else ""
                found.add((*each.labels.items(), ("bounds", bounds)))
        return found

    for live, trained in (
        ("headrace_prediction", "headrace_reference_prediction"),
        ("headrace_feature", "headrace_reference_feature"),
    ):
        assert shape(live) == shape(trained) != set()
    known = reference.prediction
    assert not isinstance(known, Categories)
    found = histogram(counters, "headrace_reference_prediction")
    assert (found.bounds, found.counts) == (known.bounds, known.counts)
    assert found.total is None  # the bundle does not keep the sum
    carriers = reference.features["carrier"]
    assert isinstance(carriers, Categories)
    name = "headrace_reference_feature_category_total"
    assert count(counters, name, feature="carrier", category="AA") == carriers.counts["AA"]
    assert count(counters, name, feature="distance", category="missing") == 0
