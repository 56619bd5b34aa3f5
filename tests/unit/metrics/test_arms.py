"""Whose a series is, when many rollouts share an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.api.selectors import Selector
from headrace.engine.counters import Counters, of_servers
from headrace.engine.observations import Counts, Metric
from headrace.metrics.arms import Share, share_out
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.series import Series
from tests.unit.metrics.servers import NOW, Prometheus, request


def of(rollout: str) -> Share:
    return Share(of_servers(rollout, "m", ("1", "2"), "headrace_requests_total"))


def series(*samples: tuple[float, float], **labels: str) -> Series:
    times, values = zip(*samples, strict=True)
    return Series({"model": "m", "version": "2", **labels}, times, values)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"namespace": "a"}, (1, 0), id="a namespace that is ours"),
        pytest.param({"namespace": "b"}, (0, 1), id="a namespace that is another's"),
        pytest.param({"namespace": "c"}, (0, 0), id="a namespace of nobody"),
        pytest.param({}, (1, 1), id="a scrape that does not say the namespace"),
        pytest.param({"namespace": "a", "model": "n"}, (0, 0), id="another model"),
        pytest.param({"namespace": "a", "version": "3"}, (0, 0), id="another version"),
    ],
)
def test_rollouts_of_the_same_model_do_not_mix(
    labels: dict[str, str], expected: tuple[int, int]
) -> None:
    shares = [of("a/m"), of("b/m")]
    share_out([series((1.0, 5.0), **labels)], shares)
    assert tuple(len(share.arms["2"]) for share in shares) == expected
    assert not any(share.arms["1"] for share in shares)


def test_two_metrics_of_one_counter_both_get_it() -> None:
    shares = [of("a/m"), of("a/m")]
    one = series((1.0, 5.0), namespace="a")
    share_out([one], shares)
    assert [share.arms["2"] for share in shares] == [[one], [one]]


def test_what_a_name_counted_for_another_version_is_forgotten_but_not_that_it_counted() -> None:
    counters = Counters(Selector("x", ""), {}, "name", {"0": "2"}, since={"0": 12.0}, reused=True)
    share = Share(counters)
    share_out([series((10.0, 900.0), (12.0, 910.0), (13.0, 911.0), name="0")], [share])
    (kept,) = share.arms["2"]
    assert (kept.times, kept.values) == ((12.0, 13.0), (910.0, 911.0))
    assert kept.goes_on


def test_no_increment_spans_a_change_of_meaning(prometheus: Prometheus) -> None:
    name = "httproute/models/flight-delay/rule/0/backend/1"
    counters = Counters(
        Selector("envoy_cluster_upstream_rq_xx", ""),
        {},
        "envoy_cluster_name",
        {name: "2.0", name[:-1] + "0": "1.0"},
        since={name: 992.5},
        reused=True,
        code="envoy_response_code_class",
    )
    asked = request(Metric.REQUESTS)
    asked = replace(asked, counters=replace(asked.counters, requests=counters))

    def scraped(name: str, *values: float) -> dict[str, object]:
        labels = {"instance": "envoy", "envoy_cluster_name": name, "envoy_response_code_class": "2"}
        return {"metric": labels, "values": [[990.0 + i, str(v)] for i, v in enumerate(values)]}

    prometheus.answer = [
        scraped(name, 5000, 5100, 5200, 5201, 5203, 5206),
        scraped(name[:-1] + "0", 10, 20, 30, 40, 50, 60),
    ]
    measured = PrometheusMetrics(prometheus.url).observe([asked], NOW)[asked.rollout]
    assert [interval.stable for interval in measured.intervals] == [Counts(0, 10)] * 5
    candidate = [interval.candidate for interval in measured.intervals]
    assert candidate == [None, None, Counts(0, 0), Counts(0, 2), Counts(0, 3)]


def test_names_that_nobody_knows_are_not_asked_for(prometheus: Prometheus) -> None:
    asked = request(Metric.REQUESTS)
    nothing = replace(asked.counters.requests, versions={})
    asked = replace(asked, counters=replace(asked.counters, requests=nothing))
    measured = PrometheusMetrics(prometheus.url).observe([asked], NOW)[asked.rollout]
    assert prometheus.queries == []
    assert (measured.intervals, measured.problems) == ((), ())
