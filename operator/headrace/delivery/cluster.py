"""ModelRollouts in a cluster, as pipelines write and follow them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api import ModelRollout
from headrace.controller.kept import rollout_of
from headrace.delivery.target import ClusterTarget
from headrace.errors import Conflict, NotFound
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.contexts import context_of
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT

PIPELINE = "headrace-pipeline"
"""The field manager of a pipeline in a cluster: the controller's own is another."""


@dataclass(frozen=True)
class Connection:
    """A cluster.

    Attributes:
        cluster: Answers.
        shown: What it is called for people.
        namespace: Of the context or of the pod.
    """

    cluster: Cluster
    shown: str
    namespace: str


def connect(target: ClusterTarget) -> Connection:
    """Find a cluster; nothing is asked of it yet.

    Raises:
        SetupError: None is configured, or there is no such context.
    """
    # The Kubernetes package has looked at the environment once, when it was imported.
    kubeconfig = os.environ.get("KUBECONFIG") or None
    cluster = Cluster.connect(kubeconfig, target.context or None, connections=2)
    shown, namespace = context_of(kubeconfig, target.context)
    return Connection(cluster, shown, namespace)


def apply(
    cluster: Cluster, document: Mapping[str, Any], namespace: str, *, force: bool = False
) -> bool:
    """Apply a ModelRollout by server-side apply, under a field manager of our own.

    Args:
        cluster: Takes it.
        document: The ModelRollout; a status that it has is left out.
        namespace: Where.
        force: Take over fields that somebody else has set.

    Returns:
        Whether its spec has changed, or it is new.

    Raises:
        Conflict: Somebody else has set one of the fields.
        NotFound, PlatformUnavailable, PermanentError: As of `Cluster.apply`.
    """
    name = document["metadata"]["name"]
    manifest = {key: part for key, part in document.items() if key != "status"}
    manifest["metadata"] = {**document["metadata"], "namespace": namespace}
    before = cluster.get(MODEL_ROLLOUT, namespace, name)
    try:
        after = cluster.apply(manifest, force=force, manager=PIPELINE)
    except Conflict as error:
        raise Conflict(
            f"{error} Somebody else has set that in {namespace}/{name}. Have it the same in the "
            "template, or take the fields over with force."
        ) from error
    return before is None or before["metadata"]["generation"] != after["metadata"]["generation"]


def read(cluster: Cluster, namespace: str, name: str) -> ModelRollout:
    """Read a ModelRollout with its status.

    Raises:
        NotFound: It is not there.
        PlatformUnavailable, PermanentError: As of `Cluster.get`.
    """
    found = cluster.get(MODEL_ROLLOUT, namespace, name)
    if found is None:
        raise NotFound(f"There is no ModelRollout {namespace}/{name}.")
    return rollout_of(found)
