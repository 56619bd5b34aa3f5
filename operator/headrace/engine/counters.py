"""Which counters tell what the arms did: the value between who names them and who reads them.

A router names its counters after its own objects, so the renderers know the names; the metrics
adapter asks for them. Nothing here renders, and nothing asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from headrace.api.selectors import Selector
from headrace.engine.observations import Metric

NAMESPACE = "namespace"
"""What Prometheus' scrape configuration has to say of a pod's counters."""

SERVER_REQUESTS = "headrace_requests_total"
"""Answers of the model server by HTTP status; it cannot tell copies from live requests."""

SERVER_SECONDS = "headrace_request_seconds_bucket"
"""Seconds inside the model server: all there is for copied requests, so both arms use it then."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of one rollout that one metric is made of.

    Attributes:
        selector: Of the counters, for all rollouts alike.
        labels: What every one of this rollout's series says.
        arm: The label that tells the version.
        versions: By that label's value.
        optional: What a series of this rollout says where it has the label at all.
        since: By the value of `arm`, Unix seconds: what was counted until then was another's.
        reused: Whether a value of `arm` may come to mean another version or other traffic.
        code: The label of the answer's status or class; empty where there is none.
        per_second: The unit of buckets: how many of it are a second.
    """

    selector: Selector
    labels: Mapping[str, str]
    arm: str
    versions: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    reused: bool = False
    code: str = ""
    per_second: float = 1.0

    def known_since(self, since: Mapping[str, float]) -> Counters:
        """Leave out names that nobody knows the beginning of; others count from theirs on.

        Args:
            since: By the value of `arm`, Unix seconds.
        """
        if not self.reused:
            return self
        versions = {name: v for name, v in self.versions.items() if name in since}
        return replace(self, versions=versions, since={name: since[name] for name in versions})


@dataclass(frozen=True, slots=True)
class RouterCounters:
    """What tells how requests to the arms went, as far as anybody counts it.

    Attributes:
        requests: Answers to live requests.
        mirrored: Answers to a candidate's copies, and to stable's live requests.
        latency: Buckets of the time that live requests took.
    """

    requests: Counters
    mirrored: Counters
    latency: Counters

    @property
    def by_metric(self) -> Mapping[Metric, Counters]:
        """The same by metric."""
        return {
            Metric.REQUESTS: self.requests,
            Metric.MIRRORED: self.mirrored,
            Metric.LATENCY: self.latency,
        }


def named(*names: str) -> Selector:
    """Select counters by their names."""
    if len(names) == 1:
        return Selector(names[0], "")
    return Selector("", f'__name__=~"{"|".join(names)}"')


def of_servers(
    rollout: str,
    model: str,
    versions: Iterable[str],
    *names: str,
    labels: Mapping[str, str] | None = None,
    reused: bool = False,
) -> Counters:
    """Give counters that model servers keep themselves.

    Args:
        rollout: `namespace/name`.
        model: The model's name.
        versions: Whose.
        names: Of the counters.
        labels: What else their series say.
        reused: Whether they count copies at one time and live requests at another.
    """
    namespace = rollout.rpartition("/")[0]
    return Counters(
        selector=named(*names),
        labels={"model": model, **(labels or {})},
        arm="version",
        versions={version: version for version in versions},
        optional={NAMESPACE: namespace} if namespace else {},
        reused=reused,
        code="code",
    )
