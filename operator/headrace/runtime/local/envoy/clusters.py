"""Clusters: the servers of a version, once for each kind of traffic that is counted apart."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from headrace.metrics import clusters as names
from headrace.runtime.local.envoy.files import TYPES, Document, EnvoyFiles, response, watched
from headrace.runtime.local.ports import LOOPBACK

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

UPSTREAM_IDLE = 20
"""Seconds after which Envoy closes an idle connection: before the server does, see `KEEPALIVE`."""

KEEPALIVE = 65
"""Seconds for which servers keep an idle connection. More than `UPSTREAM_IDLE`, so that no
request is ever sent into a connection that the server is closing."""


class Kind(StrEnum):
    """What a cluster's requests are."""

    LIVE = names.LIVE
    MIRROR = names.MIRROR
    FEEDBACK = "feedback"


def cluster_name(rollout: str, version: str, kind: Kind) -> str:
    """Name a cluster, as the queries of `headrace.metrics` know it."""
    return names.cluster_name(rollout, version, kind.value)


def clusters_file(
    files: EnvoyFiles, rollout: str, clusters: Iterable[tuple[str, Kind]]
) -> Document:
    """Build the file of all clusters.

    Args:
        files: Where the endpoints are.
        rollout: `namespace/name`.
        clusters: Version and kind of each.
    """
    return response([_cluster(files, rollout, version, kind) for version, kind in sorted(clusters)])


def endpoints_file(version: str, ports: Iterable[int]) -> Document:
    """Build the file of a version's servers, which all of its clusters share.

    Args:
        version: The version's name.
        ports: Of the loopback interface, one per replica.
    """
    hosts = [
        {"endpoint": {"address": {"socket_address": {"address": LOOPBACK, "port_value": port}}}}
        for port in ports
    ]
    return response(
        [
            {
                "@type": f"{TYPES}.config.endpoint.v3.ClusterLoadAssignment",
                "cluster_name": version,
                "endpoints": [{"lb_endpoints": hosts}],
            }
        ]
    )


def _cluster(files: EnvoyFiles, rollout: str, version: str, kind: Kind) -> Document:
    cluster: Document = {
        "@type": f"{TYPES}.config.cluster.v3.Cluster",
        "name": cluster_name(rollout, version, kind),
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": version,
            "eds_config": watched(files.endpoints(version)),
        },
        "connect_timeout": "0.5s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": {
            # By default, with half of the servers dead, Envoy sends requests to the dead ones too,
            "healthy_panic_threshold": {"value": 0},
            # and its workers learn of a second change in health only a second later.
            "update_merge_window": "0s",
        },
        "ignore_health_on_host_removal": True,
        "circuit_breakers": {"thresholds": [_limits(kind)]},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
                "common_http_protocol_options": {"idle_timeout": f"{UPSTREAM_IDLE}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        # No outlier detection: it hides a server that answers with errors. But an arm's errors
        # are the evidence that decides, and to hide them would make a bad version look good.
    }
    if kind is not Kind.FEEDBACK:
        cluster["health_checks"] = [_health_check()]
    return cluster


def _limits(kind: Kind) -> Document:
    # A candidate that hangs must not fill the proxy with copies that wait for it.
    most = 256 if kind is Kind.LIVE else 64
    return {
        "priority": "DEFAULT",
        "max_connections": most,
        "max_pending_requests": most,
        "max_requests": most,
        "max_retries": most,
    }


def _health_check() -> Document:
    return {
        "http_health_check": {"path": "/health/ping"},
        "timeout": "2s",
        "interval": "1s",
        # A cluster without traffic is checked as often; Envoy's default is once a minute.
        "no_traffic_interval": "0.5s",
        "no_traffic_healthy_interval": "1s",
        "unhealthy_interval": "0.5s",
        "unhealthy_edge_interval": "0.25s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
    }
