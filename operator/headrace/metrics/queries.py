"""Every PromQL query that Headrace asks: range selectors of raw counters, nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from headrace.engine.observations import Metric
from headrace.metrics.clusters import LIVE, MIRROR, cluster_name
from headrace.metrics.source import Request

ENVOY_ANSWERS = "envoy_cluster_upstream_rq_xx"
"""Answers by class, with those that Envoy gave itself when a server was dead, refused the
connection, reset it or timed out: the truth that the server cannot know."""

ENVOY_SECONDS = "envoy_cluster_upstream_rq_time_bucket"
"""Milliseconds from Envoy to the server and back; not counted for copied requests."""

SERVER_SECONDS = "headrace_request_seconds_bucket"
"""Seconds inside the model server: all there is for copied requests, so both arms use it then."""

AGREEMENTS = "headrace_shadow_agreements_total"
DISAGREEMENTS = "headrace_shadow_disagreements_total"


_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What RE2, the expression language of PromQL, does not take literally."""


def _any_of(values: Iterable[str]) -> str:
    """Write a PromQL regular expression that matches just these values."""
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in sorted(set(values)))
    return pattern.replace("\\", "\\\\").replace('"', '\\"')


def _window(seconds: float) -> str:
    return f"[{math.ceil(seconds)}s]"


def clusters_of(request: Request) -> dict[str, tuple[str, str]]:
    """Map the clusters of a rollout to (version, kind)."""
    return {
        cluster_name(request.rollout, version, kind): (version, kind)
        for version in (request.stable, request.candidate)
        for kind in (LIVE, MIRROR)
    }


def query_for(metric: Metric, requests: Iterable[Request], seconds: float) -> str:
    """Write the one query that serves a metric for all rollouts.

    `REQUESTS` and `MIRRORED` share a query: both are answers by cluster.

    Args:
        metric: What is wanted.
        requests: All rollouts that want it.
        seconds: How far to look back.
    """
    requests = tuple(requests)
    if metric in (Metric.REQUESTS, Metric.MIRRORED, Metric.LATENCY):
        names = _any_of(name for request in requests for name in clusters_of(request))
        counter = ENVOY_SECONDS if metric is Metric.LATENCY else ENVOY_ANSWERS
        return f'{counter}{{envoy_cluster_name=~"{names}"}}{_window(seconds)}'
    models = _any_of(request.model for request in requests)
    if metric is Metric.SERVER_LATENCY:
        versions = _any_of(v for r in requests for v in (r.stable, r.candidate))
        return f'{SERVER_SECONDS}{{model=~"{models}",version=~"{versions}"}}{_window(seconds)}'
    versions = _any_of(request.candidate for request in requests)
    names = f"{AGREEMENTS}|{DISAGREEMENTS}"
    labels = f'__name__=~"{names}",model=~"{models}",version=~"{versions}"'
    return f"{{{labels}}}{_window(seconds)}"
