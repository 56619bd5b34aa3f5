"""What Envoy is started with: the listener, its limits, and where the rest is."""

from __future__ import annotations

from headrace.runtime.local.envoy.files import TYPES, Document, EnvoyFiles, watched
from headrace.runtime.local.ports import LOOPBACK
from headrace.serving.bounds import LATENCY_SECONDS

ROUTES_NAME = "predictions"
LARGEST_BODY = 4 * 1024**2
"""Bytes of a request's body; the model server takes no more either."""

MOST_CONNECTIONS = 1000


def bootstrap(files: EnvoyFiles, listener_port: int, admin_port: int) -> Document:
    """Build the bootstrap configuration.

    Args:
        files: Where routes, clusters and endpoints are read from.
        listener_port: Where users send requests.
        admin_port: Where statistics and the state are read.
    """
    return {
        "node": {"id": "headrace", "cluster": "headrace"},
        "admin": {"address": _address(admin_port)},
        # Counters and histograms are as fresh as the scrape that reads them.
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"suffix": ".upstream_rq_time"}, "buckets": latency_milliseconds()}
            ]
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{TYPES}.extensions.resource_monitors.downstream_connections"
                        ".v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": MOST_CONNECTIONS,
                    },
                }
            ]
        },
        "dynamic_resources": {"cds_config": watched(files.clusters)},
        "static_resources": {"listeners": [_listener(files, listener_port)]},
    }


def latency_milliseconds() -> list[float]:
    """Give the model server's latency bounds in Envoy's unit."""
    return [float(f"{seconds * 1000:.6g}") for seconds in LATENCY_SECONDS]


def _address(port: int) -> Document:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _listener(files: EnvoyFiles, port: int) -> Document:
    return {
        "name": "ingress",
        "address": _address(port),
        # A second Envoy on this port is an error, not somebody to share requests with.
        "enable_reuse_port": False,
        # A body is kept whole, for the mirror and for a retry.
        "per_connection_buffer_limit_bytes": LARGEST_BODY + 64 * 1024,
        "filter_chains": [
            {"filters": [{"name": "http", "typed_config": _connection_manager(files)}]}
        ],
    }


def _connection_manager(files: EnvoyFiles) -> Document:
    return {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "ingress",
        "rds": {"route_config_name": ROUTES_NAME, "config_source": watched(files.routes)},
        # Requests come from outside: what they say in x-envoy-* headers is removed.
        "use_remote_address": True,
        # The comparator joins the arms' answers by the id, so the client's own is kept to the
        # letter, one is made where there is none, and the client learns it.
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": {
            "typed_config": {
                "@type": f"{TYPES}.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                "pack_trace_reason": False,
            }
        },
        "normalize_path": True,
        "max_request_headers_kb": 32,
        "request_headers_timeout": "5s",
        "request_timeout": "15s",
        "stream_idle_timeout": "30s",
        "common_http_protocol_options": {"idle_timeout": "300s"},
        "http_filters": [
            # A request reaches a server only as a whole: a slow sender takes no server's thread.
            {
                "name": "buffer",
                "typed_config": {
                    "@type": f"{TYPES}.extensions.filters.http.buffer.v3.Buffer",
                    "max_request_bytes": LARGEST_BODY,
                },
            },
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{TYPES}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }
