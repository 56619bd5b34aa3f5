"""What users' own queries and the model servers' bins become, and why some become nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headrace.api import Check
from headrace.engine.observations import (
    Categories,
    Counts,
    Histogram,
    Level,
    Metric,
    Segments,
    Sums,
    feature_metric,
)
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Measured, Request
from tests.unit.metrics.servers import NOW, Prometheus, request

COUNTS = {
    "kind": "Counts",
    "bad": 'orders_failed_total{shop="eu"}',
    "total": 'orders_total{shop="eu"}',
    "worseThanStable": {},
}
MEAN = {"kind": "Mean", "sum": "basket_sum", "count": "basket_count", "below": 3}
VALUE = {"kind": "Value", "query": 'max(m{version="{{ candidate.version }}"})', "above": 2e9}


def asking(**spec: Any) -> Request:
    check = Check.model_validate({"name": "mine", **spec})
    return request("check:mine", checks={"check:mine": check})


def series(name: str, *values: float, **labels: str) -> dict[str, object]:
    return {
        "metric": {"__name__": name, "instance": "shop", **labels},
        "values": [[990.0 + i, str(v)] for i, v in enumerate(values)],
    }


def reasons(measured: Measured) -> list[str]:
    assert not measured.intervals
    assert not measured.watermarks
    return [problem.reason for problem in measured.problems]


def test_counters_are_told_apart_by_the_users_label(prometheus: Prometheus) -> None:
    prometheus.answer = {
        "orders_failed_total": [series("orders_failed_total", 5, 6, arm="2.0")],
        "orders_total": [
            series("orders_total", 100, 140, arm="1.0"),
            series("orders_total", 10, 15, arm="2.0"),
            series("orders_total", 10, 15, arm="2.0", instance="another"),
        ],
    }
    measured = prometheus.observe(asking(**COUNTS, armLabel="arm"))
    (interval,) = measured.intervals
    assert (interval.stable, interval.candidate) == (Counts(0, 40), Counts(1, 10))
    assert measured.watermarks == {"check:mine": 991.0}
    assert sorted(prometheus.queries) == [
        r'orders_failed_total{shop="eu",arm=~"|1\\.0|2\\.0"}[13s]',
        r'orders_total{shop="eu",arm=~"|1\\.0|2\\.0"}[13s]',
    ]


def test_rollouts_that_count_alike_share_the_queries(prometheus: Prometheus) -> None:
    rollouts = [
        replace(
            asking(**COUNTS),
            rollout=f"models/{n}",
            model=n,
            stable="1",
            candidates=(str(9 + i),),
        )
        for i, n in enumerate(("a", "b"))
    ]
    PrometheusMetrics(prometheus.url).observe(rollouts, NOW)
    assert [query.partition("version")[2] for query in prometheus.queries] == [
        '=~"|1|10|9"}[13s]'
    ] * 2


def test_sums_and_counts_become_a_mean(prometheus: Prometheus) -> None:
    prometheus.answer = {
        "basket_sum": [series("basket_sum", 10, 25.5, version="2.0")],
        "basket_count": [series("basket_count", 1, 4, version="2.0")],
        "basket_sq": [series("basket_sq", 1, 100, version="2.0")],
    }
    (interval,) = prometheus.observe(asking(**MEAN)).intervals
    assert (interval.stable, interval.candidate) == (None, Sums(3.0, 15.5))
    (interval,) = prometheus.observe(asking(**MEAN, squares="basket_sq")).intervals
    assert interval.candidate == Sums(3.0, 15.5, 99.0)


def test_buckets_keep_the_users_unit(prometheus: Prometheus) -> None:
    prometheus.answer = [
        series("pages_bucket", 0, value, version="1.0", le=le)
        for le, value in (("10", 3), ("500", 5), ("+Inf", 6))
    ]
    wanted = asking(kind="Histogram", buckets="pages_bucket", worseThanStable={})
    (interval,) = prometheus.observe(wanted).intervals
    assert interval.stable == Histogram((10.0, 500.0, float("inf")), (3.0, 2.0, 1.0))


def test_rewards_are_sums_of_the_servers_histogram(prometheus: Prometheus) -> None:
    prometheus.answer = [
        series(name, 1, value, model="flight-delay", version="2.0")
        for name, value in (("headrace_reward_sum", 3.5), ("headrace_reward_count", 11))
    ]
    (interval,) = prometheus.observe(request(Metric.REWARD)).intervals
    assert interval.candidate == Sums(10.0, 2.5)
    assert prometheus.queries[0].startswith(
        '{__name__=~"headrace_reward_count|headrace_reward_sum"'
    )


def test_rewards_by_segment_are_one_query_of_counters_of_their_own(prometheus: Prometheus) -> None:
    def of(segment: str, count: float, total: float) -> list[dict[str, object]]:
        labels = {"model": "flight-delay", "version": "2.0", "segment": segment}
        return [
            series("headrace_segment_reward_count", 1, 1 + count, **labels),
            series("headrace_segment_reward_sum", 0.5, 0.5 + total, **labels),
        ]

    prometheus.answer = [*of("at", 10, 2.5), *of("ch", 4, 1), *of("", 2, 1), *of("x" * 99, 1, 0)]
    (interval,) = prometheus.observe(request(Metric.SEGMENTS)).intervals
    assert interval.stable is None
    assert interval.candidate == Segments(
        {"at": Sums(10, 2.5), "ch": Sums(4, 1), "other": Sums(2, 1), "x" * 63: Sums(1, 0)}
    )
    assert prometheus.queries[0].startswith(
        '{__name__=~"headrace_segment_reward_count|headrace_segment_reward_sum"'
    )


def test_bins_come_with_the_training_data_of_the_candidate(prometheus: Prometheus) -> None:
    def binned(name: str, version: str, *numbers: tuple[float, float]) -> list[dict[str, object]]:
        labels = {"model": "flight-delay", "version": version, "feature": "distance"}
        of_buckets = [
            series(f"{name}_bucket", *pair, le=le, **labels)
            for le, pair in zip(("0.5", "+Inf"), numbers, strict=False)
        ]
        missing = series(f"{name}_category_total", *numbers[2], category="missing", **labels)
        return [*of_buckets, missing]

    reference = "headrace_reference_feature"
    prometheus.answer = [
        *binned("headrace_feature", "1.0", (1, 5), (1, 10), (0, 2)),
        *binned("headrace_feature", "2.0", (1, 2), (1, 4), (0, 1)),
        *binned(reference, "1.0", (7, 7), (9, 9), (0, 0)),
        *binned(reference, "2.0", (300, 300), (900, 900), (4, 4)),
    ]
    measured = prometheus.observe(request(feature_metric("distance")))
    (interval,) = measured.intervals
    names = ("up to 0.5", "0.5 to inf", "missing")
    assert interval.stable == Categories(names, (4.0, 5.0, 2.0))
    assert interval.candidate == Categories(names, (1.0, 2.0, 1.0))
    assert interval.reference == Categories(names, (300.0, 600.0, 4.0))
    assert 'feature=~"distance"' in prometheus.queries[0]


def test_two_replicas_show_the_training_data_once(prometheus: Prometheus) -> None:
    labels = {"model": "flight-delay", "version": "2.0", "category": "yes"}
    prometheus.answer = [
        series(name, *values, instance=instance, **labels)
        for instance in ("a", "b")
        for name, values in (
            ("headrace_prediction_category_total", (0, 3)),
            ("headrace_reference_prediction_category_total", (50, 50)),
        )
    ]
    (interval,) = prometheus.observe(request(Metric.PREDICTION)).intervals
    assert interval.candidate == Categories(("yes",), (6.0,))
    assert interval.reference == Categories(("yes",), (50.0,))


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        pytest.param(COUNTS, [series("orders_total", 1, 2)], id="no label of the arm"),
        pytest.param(
            COUNTS, [series("orders_total", 1, 2, version="")], id="an empty label of the arm"
        ),
        pytest.param(
            {"kind": "Histogram", "buckets": "b", "worseThanStable": {}},
            [series("b", 1, 2, version="2.0")],
            id="a bucket without a bound",
        ),
        pytest.param(
            {"kind": "Histogram", "buckets": "b", "worseThanStable": {}},
            [series("b", 1, 2, version="2.0", le="wide")],
            id="a bucket with a bound that is none",
        ),
    ],
)
def test_a_series_that_cannot_be_told_is_a_missing_label(
    prometheus: Prometheus, spec: dict[str, Any], answer: list[object]
) -> None:
    prometheus.answer = answer
    assert reasons(prometheus.observe(asking(**spec))) == ["MissingLabel"]


def test_a_gauge_is_asked_for_with_the_versions_filled_in(prometheus: Prometheus) -> None:
    prometheus.answer = [{"metric": {}, "value": [NOW, "1.5e9"]}]
    measured = prometheus.observe(asking(**VALUE))
    assert prometheus.queries == ['max(m{version="2.0"})']
    (interval,) = measured.intervals
    assert (interval.start, interval.end) == (990.0, NOW)
    assert (interval.stable, interval.candidate) == (None, Level(1.5e9))
    assert measured.watermarks == {"check:mine": NOW}


def test_a_scalar_is_a_value_too(prometheus: Prometheus) -> None:
    prometheus.answer = [NOW, "2"]
    (interval,) = prometheus.observe(asking(**VALUE)).intervals
    assert interval.candidate == Level(2.0)


def test_an_empty_answer_is_no_look_and_no_problem(prometheus: Prometheus) -> None:
    measured = prometheus.observe(asking(**VALUE))
    assert (measured.intervals, measured.problems) == ((), ())


ONE = {"metric": {}, "value": [NOW, "1"]}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param([{"metric": {}, "value": [NOW, "NaN"]}], "NotANumber", id="NaN"),
        pytest.param([{"metric": {}, "value": [NOW, "+Inf"]}], "NotANumber", id="+Inf"),
        pytest.param([{"metric": {}, "value": [NOW, "-Inf"]}], "NotANumber", id="-Inf"),
        pytest.param([ONE, ONE], "SeveralSeries", id="two series"),
        pytest.param([ONE] * 3, "SeveralSeries", id="three series"),
        pytest.param([{"metric": {}, "values": [[NOW, "1"]]}], "QueryFailed", id="a range"),
        pytest.param([{"metric": {}, "value": [NOW, "much"]}], "QueryFailed", id="a text"),
        pytest.param([{"metric": {}, "value": None}], "QueryFailed", id="nothing in it"),
        pytest.param({"": None}, "PrometheusUnavailable", id="no list"),
    ],
)
def test_what_is_no_single_number_is_a_problem(
    prometheus: Prometheus, answer: object, reason: str
) -> None:
    prometheus.answer = answer
    assert reasons(prometheus.observe(asking(**VALUE))) == [reason]


def test_a_gauge_that_fails_for_one_candidate_is_read_of_the_others(prometheus: Prometheus) -> None:
    prometheus.answer = {
        'max(m{version="2.0"': [{"metric": {}, "value": [NOW, "1.5e9"]}],
        'max(m{version="3.0"': [ONE, ONE],
        'max(m{version="4.0"': [],
    }
    wanted = replace(asking(**VALUE), candidates=("2.0", "3.0", "4.0"))
    measured = prometheus.observe(wanted)
    assert [(one.challenger, one.candidate) for one in measured.intervals] == [("", Level(1.5e9))]
    assert [(one.challenger, one.reason) for one in measured.problems] == [("3.0", "SeveralSeries")]
    assert measured.watermarks == {"check:mine": NOW}


@pytest.mark.parametrize("spec", [COUNTS, VALUE], ids=["counters", "a gauge"])
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        pytest.param(400, '{"errorType":"bad_data"}', "QueryFailed", id="a query with a fault"),
        pytest.param(422, '{"errorType":"execution"}', "QueryFailed", id="one that cannot be run"),
        pytest.param(429, "slow down", "PrometheusUnavailable", id="too many queries"),
        pytest.param(500, "oh", "PrometheusUnavailable", id="an error of the server"),
        pytest.param(503, '{"errorType":"timeout"}', "PrometheusTimeout", id="its own time-out"),
        pytest.param(504, "gateway", "PrometheusTimeout", id="a proxy's time-out"),
        pytest.param(200, "<html>", "PrometheusUnavailable", id="no JSON"),
        pytest.param(200, '{"data": 3}', "PrometheusUnavailable", id="other JSON"),
        pytest.param(200, "[" * 100_000, "PrometheusUnavailable", id="JSON without a bottom"),
    ],
)
def test_every_way_to_fail_has_its_reason(
    prometheus: Prometheus, spec: dict[str, Any], status: int, body: str, reason: str
) -> None:
    prometheus.status, prometheus.body = status, body
    assert reasons(prometheus.observe(asking(**spec))) == [reason]


@pytest.mark.parametrize("spec", [COUNTS, VALUE], ids=["counters", "a gauge"])
def test_a_prometheus_that_does_not_answer_in_time_is_a_time_out(
    prometheus: Prometheus, spec: dict[str, Any]
) -> None:
    prometheus.hangs = True
    assert reasons(prometheus.observe(asking(**spec), timeout=0.05)) == ["PrometheusTimeout"]


def test_a_version_cannot_leave_the_quotes_of_a_query(prometheus: Prometheus) -> None:
    hostile = '2"} or vector(0) #\n'
    prometheus.observe(replace(asking(**VALUE), candidates=(hostile,)))
    assert prometheus.queries == [r'max(m{version="2\"} or vector(0) #\n"})']
