"""Every PromQL query that Headrace asks of counters: range selectors, nothing else.

One query serves all rollouts that want a family of counters: it asks for the union of their
versions, and each takes its own series from the answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headrace.api.selectors import Selector, parse_selector
from headrace.engine.observations import Metric, MetricKey, feature_of
from headrace.metrics.clusters import LIVE, MIRROR, cluster_name
from headrace.metrics.source import Request

ENVOY_ANSWERS = "envoy_cluster_upstream_rq_xx"
"""Answers by class, with those that Envoy gave itself when a server was dead, refused the
connection, reset it or timed out: the truth that the server cannot know."""

ENVOY_SECONDS = "envoy_cluster_upstream_rq_time_bucket"
"""Milliseconds from Envoy to the server and back; not counted for copied requests."""

SERVER_SECONDS = "headrace_request_seconds_bucket"
"""Seconds inside the model server: all there is for copied requests, so both arms use it then."""

SERVER_REQUESTS = "headrace_requests_total"
"""Answers of a model server by HTTP status: which of several servers failed, Envoy does not say."""

AGREEMENTS = "headrace_shadow_agreements_total"
DISAGREEMENTS = "headrace_shadow_disagreements_total"

REWARD_SUM = "headrace_reward_sum"
REWARD_COUNT = "headrace_reward_count"

PREDICTION = "headrace_prediction"
FEATURE = "headrace_feature"
REFERENCE = "headrace_reference_"
"""Before the name of live counts (without `headrace_`): the training data in the same bins."""

CLUSTER = "envoy_cluster_name"

_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What RE2, the expression language of PromQL, does not take literally."""


def _any_of(values: Iterable[str]) -> str:
    """Write a PromQL regular expression that matches just these values."""
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in sorted(set(values)))
    return pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _named(*names: str) -> Selector:
    if len(names) == 1:
        return Selector(names[0], "")
    return Selector("", f'__name__=~"{"|".join(names)}"')


def _bins(name: str) -> tuple[str, ...]:
    reference = REFERENCE + name.removeprefix("headrace_")
    return tuple(f"{base}_{kind}" for base in (name, reference) for kind in _BIN_KINDS)


_BIN_KINDS = ("bucket", "category_total")


@dataclass(frozen=True, slots=True)
class Family:
    """Counters that are asked for together, and what of them one rollout needs.

    Attributes:
        selector: Of the counters, for all rollouts alike.
        values: By label, the values of this rollout.
    """

    selector: Selector
    values: Mapping[str, frozenset[str]]

    @property
    def key(self) -> tuple[Selector, tuple[str, ...]]:
        """What families that share a query have in common."""
        return self.selector, tuple(self.values)


def clusters_of(request: Request) -> dict[str, tuple[str, str]]:
    """Map the clusters of a rollout to (version, kind)."""
    return {
        cluster_name(request.rollout, version, kind): (version, kind)
        for version in (request.stable, *request.candidates)
        for kind in (LIVE, MIRROR)
    }


def families_of(metric: MetricKey, request: Request) -> dict[str, Family]:
    """Give the counters that a metric of a rollout is made of.

    Args:
        metric: What is wanted.
        request: By which rollout.

    Returns:
        By role: the field of the check for a user's counters, empty for Headrace's own.
    """
    if metric in request.queries:
        return _of_user(metric, request)
    if metric in (Metric.REQUESTS, Metric.MIRRORED, Metric.LATENCY):
        counter = ENVOY_SECONDS if metric == Metric.LATENCY else ENVOY_ANSWERS
        return {"": Family(_named(counter), {CLUSTER: frozenset(clusters_of(request))})}
    versions = {request.stable, *request.candidates}
    if metric == Metric.AGREEMENT:
        versions = set(request.candidates)
    elif metric == Metric.SERVED:
        versions = {request.stable}
    values = {"model": frozenset((request.model,)), "version": frozenset(versions)}
    feature = feature_of(metric)
    if feature is not None:
        values["feature"] = frozenset((feature,))
        return {"": Family(_named(*_bins(FEATURE)), values)}
    names = {
        Metric.SERVED: (SERVER_REQUESTS,),
        Metric.SERVER_LATENCY: (SERVER_SECONDS,),
        Metric.AGREEMENT: (AGREEMENTS, DISAGREEMENTS),
        Metric.REWARD: (REWARD_COUNT, REWARD_SUM),
        Metric.PREDICTION: _bins(PREDICTION),
    }
    return {"": Family(_named(*names[Metric(metric)]), values)}


def _of_user(metric: MetricKey, request: Request) -> dict[str, Family]:
    check = request.queries[metric]
    # The empty value also matches series without the label, so that they can be told of.
    versions = frozenset((request.stable, *request.candidates, ""))
    return {
        role: Family(parse_selector(text), {check.label: versions})
        for role, text in check.selectors.items()
    }


def query_for(families: Iterable[Family], seconds: float) -> str:
    """Write the one query that serves families of the same key.

    Args:
        families: At least one.
        seconds: How far to look back.
    """
    families = tuple(families)
    selector = families[0].selector
    for label in families[0].values:
        wanted = frozenset[str]().union(*(family.values[label] for family in families))
        selector = selector.matching(label, _any_of(wanted))
    return f"{selector}[{math.ceil(seconds)}s]"
