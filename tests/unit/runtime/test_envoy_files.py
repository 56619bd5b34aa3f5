from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import PlatformUnavailable
from headrace.runtime.local.envoy.admin import ClusterView, read_clusters
from headrace.runtime.local.envoy.bootstrap import bootstrap, latency_milliseconds
from headrace.runtime.local.envoy.clusters import (
    KEEPALIVE,
    UPSTREAM_IDLE,
    Kind,
    clusters_file,
    endpoints_file,
)
from headrace.runtime.local.envoy.files import EnvoyFiles
from headrace.serving.bounds import LATENCY_SECONDS

FILES = EnvoyFiles(Path("/run/envoy"))
ROLLOUT = "models/flight-delay"


def values(document: Any, key: str) -> Iterator[Any]:
    """Find every value of a key, however deep."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(document, list):
        for entry in document:
            yield from values(entry, key)


def test_envoy_listens_on_the_loopback_interface_only() -> None:
    addresses = list(values(bootstrap(FILES, 1, 2), "socket_address"))
    assert [address["port_value"] for address in addresses] == [2, 1]
    assert {address["address"] for address in addresses} == {"127.0.0.1"}


def test_latencies_have_the_same_bounds_as_the_model_servers() -> None:
    (settings,) = values(bootstrap(FILES, 1, 2), "histogram_bucket_settings")
    assert settings[0]["buckets"] == latency_milliseconds()
    assert latency_milliseconds() == pytest.approx([s * 1000 for s in LATENCY_SECONDS])
    assert latency_milliseconds()[:3] == [1.0, 1.26, 1.58]


def test_all_clusters_of_a_version_have_the_same_servers_and_limits_of_their_own() -> None:
    clusters = {("1.5", kind) for kind in Kind}
    resources = clusters_file(FILES, ROLLOUT, clusters)["resources"]
    assert {cluster["name"] for cluster in resources} == {
        f"models/flight-delay/1~5/{kind}" for kind in ("live", "mirror", "feedback")
    }
    (files,) = {
        cluster["eds_cluster_config"]["eds_config"]["path_config_source"]["path"]
        for cluster in resources
    }
    assert files == str(FILES.endpoints("1.5"))
    for cluster in resources:
        assert cluster["eds_cluster_config"]["service_name"] == "1.5"
        assert "outlier_detection" not in cluster
        assert {"max_connections", "max_pending_requests", "max_requests", "max_retries"} < set(
            cluster["circuit_breakers"]["thresholds"][0]
        )


def test_envoy_closes_idle_connections_before_the_server_does() -> None:
    assert UPSTREAM_IDLE < KEEPALIVE / 2


@pytest.mark.parametrize("version", ["v1", "V1", "1.0", "1_0", "a" * 63])
def test_versions_have_files_of_their_own_on_every_file_system(version: str) -> None:
    path = FILES.endpoints(version)
    assert path.parent == FILES.root / "endpoints"
    assert path.name == path.name.lower()
    assert bytes.fromhex(path.stem).decode() == version


def test_the_servers_of_a_version() -> None:
    (resource,) = endpoints_file("1", (5, 6))["resources"]
    assert resource["cluster_name"] == "1"
    assert [a["port_value"] for a in values(resource, "socket_address")] == [5, 6]


def host(port: int, active: str = "0", **health: Any) -> dict[str, Any]:
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "stats": [{"name": "rq_active", "value": active}, {"name": "rq_total", "value": "9"}],
        "health_status": {"eds_health_status": "HEALTHY", **health},
    }


def test_healthy_are_the_servers_that_nothing_is_said_against() -> None:
    answer = {
        "cluster_statuses": [
            {
                "name": "models/flight-delay/1~5/live",
                "host_statuses": [
                    host(1, "2"),
                    host(2, failed_active_health_check=True),
                    host(3, pending_active_hc=True),
                    host(4, eds_health_status="DRAINING"),
                    host(5, "1", failed_active_health_check=False),
                ],
            },
            {"name": "models/flight-delay/2/live"},
            {"name": "somebody else's"},
        ]
    }
    known = {("1.5", Kind.LIVE), ("2", Kind.LIVE), ("3", Kind.LIVE)}
    assert read_clusters(answer, ROLLOUT, known) == {
        ("1.5", Kind.LIVE): ClusterView(frozenset({1, 5}), 3),
        ("2", Kind.LIVE): ClusterView(frozenset(), 0),
    }


@pytest.mark.parametrize(
    "answer",
    [[], {"cluster_statuses": [{}]}, {"cluster_statuses": [{"name": []}]}],
    ids=["no object", "a cluster without a name", "a name that is no text"],
)
def test_an_answer_that_is_no_list_of_clusters_is_an_error(answer: Any) -> None:
    with pytest.raises(PlatformUnavailable, match="list of clusters cannot be read"):
        read_clusters(answer, ROLLOUT, ())
