"""Who is missing around an API server that stands alone, played by its rules.

`Nodes` has the part of the controller-manager and the kubelets: it says of Deployments that their
pods run. `GatewayController` says of routes that they are taken over.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.api import ModelRollout
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, POD
from tests.cluster.api_server import ApiServer
from tests.unit.render.rollouts import built


def eventually(check: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait until something holds, and fail if it never does."""
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def resource(rollout: ModelRollout) -> dict[str, Any]:
    """Give a ModelRollout as a manifest."""
    dumped = rollout.model_dump(
        by_alias=True, exclude_none=True, exclude_defaults=True, mode="json"
    )
    metadata = {"name": rollout.metadata.name, "namespace": rollout.metadata.namespace}
    return {
        "apiVersion": rollout.api_version,
        "kind": rollout.kind,
        "metadata": metadata,
        "spec": dumped["spec"],
    }


def created(cluster: Cluster, rollout: ModelRollout) -> ModelRollout:
    """Have a ModelRollout in the cluster and give it as it is there."""
    answer = cluster.create(resource(rollout))
    answer["metadata"].pop("managedFields", None)
    return ModelRollout.model_validate(answer)


_numbers = itertools.count(1)


def in_namespace(server: ApiServer, **fields: Any) -> ModelRollout:
    """Give a rollout of version 7 in a namespace of its own."""
    namespace = f"models-{next(_numbers)}"
    made = server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.code == 201, made.message
    rollout = built(**fields)
    metadata = rollout.metadata.model_copy(update={"namespace": namespace})
    return rollout.model_copy(update={"metadata": metadata})


@dataclass(slots=True)
class Nodes:
    """Runs what Deployments ask for, in words only."""

    cluster: Cluster
    namespace: str
    pods: dict[str, str] = field(default_factory=dict)

    def run(self, **ready: int) -> None:
        """Say of every Deployment that its pods are ready; `ready` limits them by version."""
        for deployment in self.cluster.list(DEPLOYMENT, self.namespace)[0]:
            version = deployment["metadata"]["labels"].get("headrace.dev/version", "")
            wanted = deployment["spec"]["replicas"]
            available = min(wanted, ready.get(f"v{version}", wanted))
            self.say(deployment, wanted, available)

    def say(self, deployment: Mapping[str, Any], pods: int, available: int) -> None:
        """Write a Deployment's status."""
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": pods,
            "updatedReplicas": pods,
            "readyReplicas": available,
            "availableReplicas": available,
            "unavailableReplicas": pods - available,
        }
        # The API server leaves out what is zero.
        if deployment.get("status", {}) != {name: each for name, each in status.items() if each}:
            said = _with(deployment, DEPLOYMENT.api_version, "Deployment", status)
            self.cluster.replace_status(said)

    def pod(self, labels: Mapping[str, str], status: Mapping[str, Any], name: str = "") -> str:
        """Have a pod with a status, as a kubelet writes it, and give its name."""
        name = name or f"pod-{next(_numbers)}"
        found = self.cluster.get(POD, self.namespace, name)
        if found is None:
            container = {"name": "model", "image": "model-server"}
            found = self.cluster.create(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": name,
                        "namespace": self.namespace,
                        "labels": dict(labels),
                    },
                    "spec": {"containers": [container]},
                }
            )
        self.cluster.replace_status(_with(found, "v1", "Pod", status))
        return name


@dataclass(slots=True)
class GatewayController:
    """Takes over HTTPRoutes, in words only."""

    cluster: Cluster
    namespace: str

    def take(self, accepted: str = "True", reason: str = "Accepted", message: str = "") -> None:
        """Write that every route is taken over as it is now, or refused."""
        for route in self.cluster.list(HTTP_ROUTE, self.namespace)[0]:
            generation = route["metadata"]["generation"]
            conditions = [
                {
                    "type": kind,
                    "status": accepted,
                    "reason": reason,
                    "message": message,
                    "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
                for kind in ("Accepted", "ResolvedRefs")
            ]
            parent = {
                "parentRef": route["spec"]["parentRefs"][0],
                "controllerName": "example.com/gateway",
                "conditions": conditions,
            }
            status = {"parents": [parent]}
            if route.get("status") == status:
                continue
            self.cluster.replace_status(_with(route, HTTP_ROUTE.api_version, "HTTPRoute", status))


def _with(
    thing: Mapping[str, Any], api_version: str, kind: str, status: Mapping[str, Any]
) -> dict[str, Any]:
    return {**thing, "apiVersion": api_version, "kind": kind, "status": dict(status)}
