"""What Envoy says of itself: the routes that it carries and the servers that it finds healthy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import PlatformUnavailable
from headrace.runtime.local.envoy.clusters import Kind, cluster_name
from headrace.runtime.local.envoy.routes import Routes, read_routes
from headrace.runtime.local.loopback import get_json


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster that Envoy may send requests to.

    Attributes:
        healthy: The ports of its healthy servers.
        active: Requests on their way now.
    """

    healthy: frozenset[int]
    active: int


@dataclass(frozen=True, slots=True)
class RouterView:
    """Envoy at one moment.

    Attributes:
        routes: What it carries; None while it has no routes at all.
        clusters: By version and kind. Those that are still warming up are not among them.
    """

    routes: Routes | None
    clusters: Mapping[tuple[str, Kind], ClusterView]

    def is_ready(self, cluster: tuple[str, Kind]) -> bool:
        """Whether a request that is sent there now finds a server."""
        view = self.clusters.get(cluster)
        return view is not None and bool(view.healthy)


def read_router(port: int, rollout: str, known: Collection[tuple[str, Kind]]) -> RouterView:
    """Ask Envoy.

    Args:
        port: Its admin port.
        rollout: `namespace/name`.
        known: Version and kind of all clusters that were ever published and may be there.

    Raises:
        PlatformUnavailable: It does not answer, or with something else.
    """
    dump = get_json(port, "/config_dump?resource=dynamic_route_configs")
    return RouterView(
        read_routes(dump, rollout, known),
        read_clusters(get_json(port, "/clusters?format=json"), rollout, known),
    )


def read_clusters(
    answer: Any, rollout: str, known: Collection[tuple[str, Kind]]
) -> dict[tuple[str, Kind], ClusterView]:
    """Read the answer of `/clusters?format=json`; clusters that are not known are left out.

    Raises:
        PlatformUnavailable: It is no such answer.
    """
    names = {cluster_name(rollout, *cluster): cluster for cluster in known}
    try:
        return {
            names[status["name"]]: _cluster(status.get("host_statuses", ()))
            for status in answer.get("cluster_statuses", ())
            if status["name"] in names
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PlatformUnavailable(
            f"Envoy's list of clusters cannot be read ({type(error).__name__}: {error})."
        ) from error


def _cluster(hosts: Any) -> ClusterView:
    healthy = set()
    active = 0
    for host in hosts:
        # Besides this entry, only reasons why a host is not healthy are named.
        flags = {key for key, value in host["health_status"].items() if value is True}
        if not flags and host["health_status"].get("eds_health_status") == "HEALTHY":
            healthy.add(int(host["address"]["socket_address"]["port_value"]))
        active += sum(
            int(stat.get("value", 0))
            for stat in host.get("stats", ())
            if stat["name"] in ("rq_active", "rq_pending_active")
        )
    return ClusterView(frozenset(healthy), active)
