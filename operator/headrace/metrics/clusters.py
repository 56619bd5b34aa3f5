"""The names under which the local Envoy counts the arms: a cluster per version and kind of traffic.

The name says the version, not a position in a list, so a promotion changes no name and an
increment can never be counted for another version.
"""

from __future__ import annotations

from collections.abc import Iterable

from headrace.api.selectors import Selector
from headrace.engine.counters import Counters, RouterCounters

LIVE = "live"
MIRROR = "mirror"

CLUSTER = "envoy_cluster_name"

ENVOY_ANSWERS = "envoy_cluster_upstream_rq_xx"
"""Answers by class, with those that Envoy gave itself when a server was dead, refused the
connection, reset it or timed out: the truth that the server cannot know."""

ENVOY_SECONDS = "envoy_cluster_upstream_rq_time_bucket"
"""Milliseconds from Envoy to the server and back; not counted for copied requests."""


def cluster_name(rollout: str, version: str, kind: str) -> str:
    """Name the Envoy cluster of a version.

    Args:
        rollout: `namespace/name`.
        version: The version's name.
        kind: `live` or `mirror`.

    Returns:
        A name without dots, as Envoy cuts its `envoy_cluster_name` label at the first one.
    """
    return "/".join((rollout, version, kind)).replace(".", "~")


def local_counters(rollout: str, stable: str, candidates: Iterable[str]) -> RouterCounters:
    """Give the counters of the local Envoy.

    Args:
        rollout: `namespace/name`.
        stable: The stable version.
        candidates: The versions under test.
    """
    candidates = tuple(candidates)

    def counters(name: str, kind: str) -> Counters:
        versions = {cluster_name(rollout, version, kind): version for version in candidates}
        return Counters(
            selector=Selector(name, ""),
            labels={},
            arm=CLUSTER,
            versions={cluster_name(rollout, stable, LIVE): stable, **versions},
            code="envoy_response_code_class",
            per_second=1000.0,
        )

    return RouterCounters(
        requests=counters(ENVOY_ANSWERS, LIVE),
        mirrored=counters(ENVOY_ANSWERS, MIRROR),
        latency=counters(ENVOY_SECONDS, LIVE),
    )
