"""What a Deployment says of the servers of a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.runtime.kubernetes.json_values import count, mapping, mappings, text


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """A Deployment.

    Attributes:
        wanted: Pods that should run.
        ready: Pods that answer.
        problem: Why pods are not even made, such as a quota; empty if they are.
    """

    wanted: int
    ready: int
    problem: str = ""


def read_deployment(deployment: Mapping[str, Any]) -> DeploymentState:
    """Read a Deployment.

    While its pods are replaced by those of another template, not all count as ready, though at
    least one does where one answers: the old ones serve the same version, as a version never
    changes.

    Args:
        deployment: As the API server gives it.
    """
    status = mapping(deployment, "status")
    wanted = count(deployment, "spec", "replicas", default=1)
    ready = count(status, "availableReplicas")
    seen = count(status, "observedGeneration") >= count(deployment, "metadata", "generation")
    if not seen or count(status, "updatedReplicas") < count(status, "replicas"):
        ready = min(ready, max(1, wanted - 1))
    failures = (
        f"{text(condition, 'reason')}: {text(condition, 'message')}"
        for condition in mappings(status, "conditions")
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
    )
    return DeploymentState(wanted, ready, next(failures, ""))
