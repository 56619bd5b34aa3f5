"""What the controller says of itself to Prometheus.

What can be read off the rollouts (phases, weights, outcomes) is read when Prometheus asks and is
kept nowhere; what happens is counted when it happens. No label has an unbounded number of values
but those that name a rollout's own parts. Of a phase or an outcome there is a series only while it
is the one: a thousand rollouts have thousands of series, not tens of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headrace.api import ModelRollout, Phase
from headrace.engine.decision import Decision
from headrace.render.monitoring import OUTCOME, PHASE

TICKS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
"""Seconds; beyond 15 a tick is late for the next one."""

Rollouts = Callable[[], Mapping[str, ModelRollout]]

ApiRequests = Callable[[], Mapping[tuple[str, str, int], int]]
"""By verb, kind in the plural, and code; 0 where there was no answer."""

Queries = Callable[[], Mapping[str, int]]
"""By what came of them: `ok`, or why there was no answer, in one CamelCase word."""

Count = Callable[[], int]

Keys = Callable[[], Collection[str]]
"""Of rollouts, `namespace/name`."""


class Meters:
    """Counters of one controller, and a look at its rollouts."""

    def __init__(
        self,
        rollouts: Rollouts,
        api_requests: ApiRequests = dict,
        queries: Queries = dict,
        in_trouble: Count = int,
        broken_watches: Count = int,
        refused: Keys = tuple,
    ) -> None:
        """Count nothing yet. All of these are called when Prometheus asks.

        Args:
            rollouts: Gives all rollouts with their latest status.
            api_requests: Gives the requests to the API server so far.
            queries: Gives the queries to Prometheus so far.
            in_trouble: Gives the number of rollouts that cannot be read, or whose last tick could
                not be carried out.
            broken_watches: Gives the number of watches of which nothing is heard.
            refused: Gives the rollouts that cannot be read.
        """
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "headrace_decisions",
            "Decisions, without those to hold.",
            ("action", "reason"),
            registry=self.registry,
        )
        self.tick_seconds = Histogram(
            "headrace_tick_seconds",
            "Time to read the numbers of all rollouts that were due, and to judge them.",
            buckets=TICKS,
            registry=self.registry,
        )
        self.tick_delay_seconds = Histogram(
            "headrace_tick_delay_seconds",
            "How late a tick began.",
            buckets=TICKS,
            registry=self.registry,
        )
        self.carry_out_seconds = Histogram(
            "headrace_carry_out_seconds",
            "Time from a rollout's decision until its status was written and its objects applied.",
            buckets=TICKS,
            registry=self.registry,
        )
        self.leads = Gauge(
            "headrace_leader",
            "1 in the controller that leads, 0 in one that stands by.",
            registry=self.registry,
        )
        troubled = Gauge(
            "headrace_rollouts_in_trouble",
            "Rollouts that cannot be read, or of which the last tick could not be carried out; "
            "the log says why.",
            registry=self.registry,
        )
        troubled.set_function(in_trouble)
        broken = Gauge(
            "headrace_watches_broken",
            "Watches of the API server of which nothing is heard; the log says why.",
            registry=self.registry,
        )
        broken.set_function(broken_watches)
        ProcessCollector(registry=self.registry)
        self.registry.register(_OfRequests(api_requests, queries))
        self.registry.register(_OfRollouts(rollouts, refused))

    def decided(self, decision: Decision) -> None:
        """Count a decision that changed something."""
        self._decisions.labels(decision.action, decision.reason).inc()

    def page(self) -> bytes:
        """Write all of it in Prometheus's text format."""
        return generate_latest(self.registry)


class _OfRollouts(Collector):
    def __init__(self, rollouts: Rollouts, refused: Keys) -> None:
        self._rollouts, self._refused = rollouts, refused

    def collect(self) -> Iterator[Metric]:
        key = ["namespace", "rollout"]
        phases = GaugeMetricFamily(
            PHASE, "1 for the phase that a rollout is in.", labels=[*key, "phase"]
        )
        weights = GaugeMetricFamily(
            "headrace_rollout_weight",
            "Whole per cent of live requests that a version is to answer.",
            labels=[*key, "version", "arm"],
        )
        outcomes = GaugeMetricFamily(
            OUTCOME,
            "1 for what a check says.",
            labels=[*key, "version", "check", "outcome"],
        )
        for rollout in list(self._rollouts().values()):
            name = [rollout.metadata.namespace, rollout.metadata.name]
            status = rollout.status
            phases.add_metric([*name, status.phase], 1.0)
            for version, arm, weight in _weights(rollout):
                weights.add_metric([*name, version, arm], weight)
            if status.candidate is None:
                continue
            for check in status.checks:
                label = [*name, status.candidate.version, check.name, check.outcome]
                outcomes.add_metric(label, 1.0)
        for refused in self._refused():
            phases.add_metric([*refused.split("/", 1), Phase.INVALID], 1.0)
        yield from (phases, weights, outcomes)

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: the names are not used elsewhere."""
        return []


class _OfRequests(Collector):
    def __init__(self, api_requests: ApiRequests, queries: Queries) -> None:
        self._api_requests, self._queries = api_requests, queries

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "headrace_api_requests",
            "Requests to the API server; code 0 where there was no answer.",
            labels=["verb", "resource", "code"],
        )
        for (verb, resource, code), count in dict(self._api_requests()).items():
            requests.add_metric([verb, resource, str(code)], count)
        queries = CounterMetricFamily(
            "headrace_prometheus_queries", "Queries to Prometheus.", labels=["outcome"]
        )
        for outcome, count in dict(self._queries()).items():
            queries.add_metric([outcome], count)
        yield from (requests, queries)

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: the names are not used elsewhere."""
        return []


def _weights(rollout: ModelRollout) -> Iterator[tuple[str, str, int]]:
    status, asked = rollout.status, rollout.status.weights.asked
    if status.stable is not None:
        yield status.stable.version, "stable", asked.stable
    if status.candidate is not None and status.candidate != status.stable:
        yield status.candidate.version, "candidate", asked.candidate
    for challenger in status.challengers:
        version = challenger.model.version
        yield version, "candidate", asked.challengers.get(version, 0)
