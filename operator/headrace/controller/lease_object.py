"""The Lease of the controllers in the API server."""

from __future__ import annotations

from typing import Any

from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import LEASE


class LeaseObject:
    """The `Leases` of a cluster: one object, by name."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        """Name it; it is made at the first write."""
        self._cluster, self._namespace, self._name = cluster, namespace, name

    def read(self) -> dict[str, Any] | None:
        """Give the object, or None if there is none."""
        return self._cluster.get(LEASE, self._namespace, self._name)

    def write(self, lease: dict[str, Any]) -> dict[str, Any]:
        """Create it, or replace the one that was read; see `Leases`."""
        if "metadata" in lease:
            return self._cluster.replace({**lease, **_NAMED})
        metadata = {"name": self._name, "namespace": self._namespace}
        return self._cluster.create({**_NAMED, "metadata": metadata, **lease})


_NAMED = {"apiVersion": LEASE.api_version, "kind": LEASE.kind}
