"""The Prometheus adapter, against a real HTTP server that answers as told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.engine.observations import Counts, Halves, Histogram, Metric, MetricKey
from headrace.metrics.clusters import cluster_name
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.queries import counters_for, query_for
from headrace.metrics.source import Measured
from tests.unit.metrics.servers import KEY, NOW, Prometheus, request

CLUSTERS = "models/flight-delay/1~0/live|models/flight-delay/2~0/live"
MODEL = 'model=~"flight-delay"'
NAMESPACE = 'namespace=~"|models"'
SHADOW = "headrace_shadow_agreements_total|headrace_shadow_disagreements_total"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (
            Metric.REQUESTS,
            f'envoy_cluster_upstream_rq_xx{{envoy_cluster_name=~"{CLUSTERS}"}}[15s]',
        ),
        (
            Metric.LATENCY,
            f'envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name=~"{CLUSTERS}"}}[15s]',
        ),
        (
            Metric.SERVER_LATENCY,
            rf'headrace_request_seconds_bucket{{{MODEL},version=~"1\\.0|2\\.0",{NAMESPACE}}}[15s]',
        ),
        (
            Metric.SERVED,
            rf'headrace_requests_total{{{MODEL},version=~"1\\.0",{NAMESPACE}}}[15s]',
        ),
        (
            Metric.AGREEMENT,
            rf'{{__name__=~"{SHADOW}",{MODEL},version=~"2\\.0",{NAMESPACE}}}[15s]',
        ),
    ],
)
def test_a_query_asks_for_raw_counters(metric: Metric, expected: str) -> None:
    (counters,) = counters_for(metric, request()).values()
    assert query_for([counters], 15.0) == expected


def measure(prometheus: Prometheus, *metrics: MetricKey) -> Measured:
    return prometheus.observe(request(*metrics))


def served(server: str, code: str, *values: float) -> dict[str, object]:
    labels = {"__name__": "headrace_requests_total", "model": "flight-delay", "version": "1.0"}
    samples = [[990.0 + i, str(v)] for i, v in enumerate(values)]
    return {"metric": {**labels, "instance": server, "code": code}, "values": samples}


def test_stables_servers_are_counted_by_halves(prometheus: Prometheus) -> None:
    prometheus.answer = [
        served("a:1", "200", 100, 140),
        served("a:1", "500", 1, 4),
        served("b:1", "200", 100, 130),
        served("b:1", "400", 0, 2),
        served("c:1", "200", 100, 120),
        served("c:1", "500", 0, 1),
    ]
    (interval,) = measure(prometheus, Metric.SERVED).intervals
    assert interval.stable == Halves(Counts(4.0, 64.0), Counts(0.0, 32.0))
    assert interval.candidate is None


def test_one_server_has_no_halves(prometheus: Prometheus) -> None:
    prometheus.answer = [served("a:1", "200", 100, 140), served("a:1", "500", 1, 4)]
    (interval,) = measure(prometheus, Metric.SERVED).intervals
    assert interval.stable is None


def answers(version: str, kind: str, code: str, *values: float) -> dict[str, object]:
    labels = {
        "__name__": "envoy_cluster_upstream_rq_xx",
        "instance": "envoy",
        "envoy_cluster_name": cluster_name(KEY, version, kind),
        "envoy_response_code_class": code,
    }
    return {"metric": labels, "values": [[990.0 + i, str(v)] for i, v in enumerate(values)]}


def test_answers_become_counts_of_both_arms(prometheus: Prometheus) -> None:
    prometheus.answer = [
        answers("1.0", "live", "2", 100, 110, 120),
        answers("1.0", "live", "5", 1, 1, 2),
        answers("2.0", "live", "2", 10, 12, 13),
        answers("2.0", "mirror", "2", 50, 90, 99),
    ]
    measured = measure(prometheus, Metric.REQUESTS)
    assert [(i.start, i.end, i.stable, i.candidate) for i in measured.intervals] == [
        (990.0, 991.0, Counts(0, 10), Counts(0, 2)),
        (991.0, 992.0, Counts(1, 11), Counts(0, 1)),
    ]
    assert measured.watermarks == {Metric.REQUESTS: 992.0}


def test_copied_requests_are_compared_with_the_live_ones_of_stable(prometheus: Prometheus) -> None:
    prometheus.answer = [
        answers("1.0", "live", "2", 100, 110),
        answers("2.0", "mirror", "2", 50, 58),
        answers("2.0", "mirror", "5", 1, 3),
    ]
    (interval,) = measure(prometheus, Metric.MIRRORED).intervals
    assert (interval.stable, interval.candidate) == (Counts(0, 10), Counts(2, 10))


def test_two_metrics_of_one_counter_cost_one_query(prometheus: Prometheus) -> None:
    measure(prometheus, Metric.REQUESTS, Metric.MIRRORED)
    assert len(prometheus.queries) == 1


def test_envoys_milliseconds_become_seconds(prometheus: Prometheus) -> None:
    prometheus.answer = [
        {
            "metric": {
                "__name__": "envoy_cluster_upstream_rq_time_bucket",
                "instance": "envoy",
                "envoy_cluster_name": cluster_name(KEY, "1.0", "live"),
                "le": le,
            },
            "values": [[990.0, "0"], [991.0, str(n)]],
        }
        for le, n in (("2.5", 3), ("10", 5), ("+Inf", 5))
    ]
    (interval,) = measure(prometheus, Metric.LATENCY).intervals
    assert interval.stable == Histogram((0.0025, 0.01, float("inf")), (3.0, 2.0, 0.0))
    assert interval.candidate is None


def test_an_arm_that_was_not_seen_is_none_and_an_idle_one_is_zero(prometheus: Prometheus) -> None:
    prometheus.answer = [answers("1.0", "live", "2", 100, 100)]
    (interval,) = measure(prometheus, Metric.REQUESTS).intervals
    assert interval.stable == Counts(0, 0)
    assert interval.candidate is None


def test_no_series_at_all_is_no_interval_and_no_problem(prometheus: Prometheus) -> None:
    measured = measure(prometheus, Metric.REQUESTS)
    assert (measured.intervals, measured.problems) == ((), ())


def test_what_nobody_counts_is_not_looked_for_in_all_of_the_past(prometheus: Prometheus) -> None:
    assert measure(prometheus, Metric.REQUESTS).watermarks == {Metric.REQUESTS: 995.75}
    prometheus.answer = [answers("1.0", "live", "2", 100)]
    assert measure(prometheus, Metric.REQUESTS).watermarks == {Metric.REQUESTS: 990.0}


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        pytest.param(500, [], "PrometheusUnavailable", id="an error"),
        pytest.param(400, [], "QueryFailed", id="a query that it refuses"),
        pytest.param(200, None, "PrometheusUnavailable", id="an answer without a result"),
        pytest.param(
            200,
            [answers("1.0", "live", "2", float("nan"), float("nan"))],
            "NotANumber",
            id="nothing but NaN",
        ),
    ],
)
def test_what_cannot_be_read_is_a_problem(
    prometheus: Prometheus, status: int, answer: object, reason: str
) -> None:
    prometheus.status, prometheus.answer = status, answer
    measured = measure(prometheus, Metric.REQUESTS)
    assert [problem.reason for problem in measured.problems] == [reason]
    assert not measured.intervals
    assert not measured.watermarks


def test_a_prometheus_that_is_not_there_is_a_problem() -> None:
    measured = PrometheusMetrics("http://127.0.0.1:9").observe([request()], NOW)[KEY]
    assert {problem.reason for problem in measured.problems} == {"PrometheusUnavailable"}


def test_several_candidates_are_read_at_once_and_cut_at_the_same_moments(
    prometheus: Prometheus,
) -> None:
    def scraped(version: str, *samples: tuple[float, float]) -> dict[str, object]:
        labels = {"__name__": "headrace_reward_count", "instance": version}
        labels |= {"model": "flight-delay", "version": version}
        return {"metric": labels, "values": [[t, str(v)] for t, v in samples]}

    prometheus.answer = [
        scraped("1.0", (990.0, 0), (991.0, 10), (992.0, 30)),
        scraped("2.0", (990.2, 0), (991.2, 4), (992.2, 5)),
        scraped("3.0", (990.6, 0), (991.6, 7), (992.6, 9)),
    ]
    three = replace(request(Metric.REWARD), candidates=("2.0", "3.0"))
    intervals = prometheus.observe(three).intervals
    assert len(prometheus.queries) == 1
    cuts = {(i.start, i.end) for i in intervals if not i.challenger}
    assert cuts == {(i.start, i.end) for i in intervals if i.challenger == "3.0"}
    assert len(cuts) == 2
    for start, end in cuts:
        first, second = (i for i in intervals if (i.start, i.end) == (start, end))
        assert first.stable == second.stable
    assert [i.candidate.size for i in intervals if i.challenger and i.candidate] == [0, 7]
