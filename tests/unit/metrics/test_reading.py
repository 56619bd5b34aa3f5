"""Which queries a tick asks, and how few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.api.selectors import Selector
from headrace.engine.counters import Counters, RouterCounters, of_servers
from headrace.engine.observations import Counts, Metric
from headrace.metrics import queries, reading, session
from headrace.metrics.queries import query_for
from headrace.metrics.reading import Reading
from headrace.metrics.source import Measured, Request
from tests.unit.metrics.servers import KEY, NOW, Prometheus, request

HOUR = 3600.0


def rollout(name: str, behind: float = 10.0, interval: float = 15.0) -> Request:
    counters = of_servers(f"models/{name}", name, ("1", "2"), "headrace_requests_total")
    router = RouterCounters(counters, counters, counters)
    since = {Metric.REQUESTS.value: NOW - behind}
    return Request(f"models/{name}", name, "1", ("2",), since, interval, router)


def asked(*requests: Request) -> list[str]:
    return [batch.query for batch in Reading(requests, NOW).batches()]


def test_a_thousand_rollouts_that_are_up_to_date_are_one_query() -> None:
    (query,) = asked(*(rollout(f"m{i}") for i in range(1000)))
    assert query.endswith("[55s]")


def test_the_past_of_one_does_not_make_everybodys_query_long() -> None:
    recent, long = asked(rollout("a"), rollout("b"), rollout("new", behind=HOUR))
    assert 'model=~"a|b"' in recent
    assert recent.endswith("[55s]")
    assert 'model=~"new"' in long
    assert long.endswith("[3645s]")


def test_as_many_pasts_as_fit_are_read_at_once_and_the_oldest_first() -> None:
    every = [rollout(f"m{i:03}", behind=HOUR - i) for i in range(200)]
    look = Reading(every, NOW)
    (batch,) = look.batches()
    chosen = sorted(share.counters.labels["model"] for share in batch.shares)
    assert chosen == [f"m{i:03}" for i in range(len(chosen))]
    assert len(chosen) == pytest.approx(reading.MOST_SAMPLES / (3645 / 15 * 2 * 4), rel=0.05)
    waiting = look.wanted["models/m199", Metric.REQUESTS.value][""]
    assert waiting.error is not None
    assert waiting.error.reason == "CatchingUp"


def test_who_judges_once_a_minute_does_not_make_everybodys_query_long_and_never_waits() -> None:
    slow = [rollout(f"m{i}", behind=70.0, interval=60.0) for i in range(2000)]
    recent, long = asked(rollout("a"), *slow)
    assert (recent.endswith("[55s]"), long.endswith("[250s]")) == (True, True)
    assert all(f"|m{i}|" in long for i in range(1, 999))


def test_a_single_past_is_read_however_long_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SAMPLES", 1)
    assert len(asked(rollout("a", behind=HOUR))) == 1


def test_a_pattern_that_gets_too_long_becomes_what_its_values_begin_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "LARGEST", 100)
    names = {f"httproute/models/r.{i:03}/rule/0/backend/0": "1" for i in range(9)}
    counters = Counters(Selector("x", ""), {}, "name", names)
    assert query_for([counters], 30.0) == r'x{name=~"httproute/models/r\\.00.*"}[30s]'


def scraped(first: float, *values: float, code: str = "2") -> dict[str, object]:
    labels = {"instance": "envoy", "job": "e", "envoy_response_code_class": code}
    labels["envoy_cluster_name"] = "models/flight-delay/2~0/live"
    return {"metric": labels, "values": [[first + i, str(v)] for i, v in enumerate(values)]}


OTHER = {
    "metric": {
        "instance": "another",
        "job": "e",
        "envoy_response_code_class": "2",
        "envoy_cluster_name": "models/flight-delay/1~0/live",
    },
    "values": [[988.0 + i, "7"] for i in range(6)],
}


def measured(prometheus: Prometheus) -> Measured:
    return prometheus.observe(request(Metric.REQUESTS))


def candidate(of: Measured) -> float:
    return sum(i.candidate.size for i in of.intervals if isinstance(i.candidate, Counts))


def test_a_counter_that_is_new_is_looked_for_further_back(prometheus: Prometheus) -> None:
    prometheus.answer = {"envoy": [scraped(991.0, 900, 905), OTHER]}
    assert candidate(measured(prometheus)) == 905.0
    recent, further = prometheus.queries
    assert recent.endswith("[13s]")
    assert 'instance=~"envoy"' in further
    assert 'envoy_cluster_name=~"models/flight-delay/2~0/live"' in further
    assert further.endswith("[3600s]")


def test_a_counter_that_was_not_scraped_for_a_while_goes_on(prometheus: Prometheus) -> None:
    answers = {
        "[3600s]": [scraped(700.0, 850, 890)],
        "[13s]": [scraped(991.0, 900, 905), OTHER],
    }
    prometheus.answer = answers
    prometheus.by_end = True
    assert candidate(measured(prometheus)) == 15.0


def test_a_counter_that_begins_at_zero_needs_no_second_look(prometheus: Prometheus) -> None:
    prometheus.answer = [scraped(991.0, 0, 5), OTHER]
    assert candidate(measured(prometheus)) == 5.0
    assert len(prometheus.queries) == 1


def test_what_is_found_further_back_may_be_another_versions(prometheus: Prometheus) -> None:
    """The name was used before, and was not seen for a while."""
    prometheus.answer = {
        "[3600s]": [scraped(700.0, 850, 890)],
        "[13s]": [scraped(991.0, 900, 905), OTHER],
    }
    prometheus.by_end = True
    asked = request(Metric.REQUESTS)
    counters = asked.counters.requests
    since = dict.fromkeys(counters.versions, 980.0)
    named = replace(asked.counters, requests=replace(counters, since=since, reused=True))
    assert candidate(prometheus.observe(replace(asked, counters=named))) == 5.0


def test_the_window_of_a_query_ends_by_prometheus_clock(prometheus: Prometheus) -> None:
    prometheus.clock = NOW + 120.0
    prometheus.answer = [scraped(1108.0, 0, 5, 9)]
    asked = replace(request(Metric.REQUESTS), since={Metric.REQUESTS: 1100.0})
    assert candidate(prometheus.metrics.observe([asked], NOW)[KEY]) == 9.0
    assert prometheus.metrics.time(NOW) == pytest.approx(NOW + 120.0, abs=1.0)
    # What was read before that was known is read again, once.
    assert len(prometheus.queries) == 2
    prometheus.metrics.observe([asked], NOW)
    assert len(prometheus.queries) == 3


def test_who_asks_with_a_clock_that_is_ahead_loses_nothing_of_what_nobody_counts_yet(
    prometheus: Prometheus,
) -> None:
    prometheus.clock = NOW - 120.0
    prometheus.answer = []
    asked = replace(request(Metric.REQUESTS), since={Metric.REQUESTS: NOW - 130.0})
    read = prometheus.metrics.observe([asked], NOW)[KEY]
    assert read.watermarks[Metric.REQUESTS] <= NOW - 120.0


def test_an_answer_that_trickles_in_is_given_up(prometheus: Prometheus) -> None:
    prometheus.trickles = True
    (problem,) = prometheus.observe(request(Metric.REQUESTS), timeout=0.2).problems
    assert problem.reason == "PrometheusTimeout"


def test_an_answer_without_end_is_given_up(
    prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LARGEST", 10)
    (problem,) = prometheus.observe(request(Metric.REQUESTS)).problems
    assert problem.reason == "PrometheusUnavailable"
    assert "more than 256 MB" in problem.message


def test_one_query_that_hangs_stalls_a_tick_once(prometheus: Prometheus) -> None:
    prometheus.hangs = True
    asked = request(Metric.REQUESTS, Metric.LATENCY, Metric.REWARD, Metric.AGREEMENT)
    reasons = [each.reason for each in prometheus.observe(asked, timeout=0.2).problems]
    assert reasons == ["PrometheusTimeout"] * 4
