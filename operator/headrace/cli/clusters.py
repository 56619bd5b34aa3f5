"""Rollouts in a cluster, as commands read them and leave requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

from headrace.api import ModelRollout
from headrace.cli.places import person
from headrace.controller.kept import ASK, rollout_of
from headrace.controller.wishes import text_of
from headrace.engine.observations import Wish
from headrace.errors import HeadraceError, NotFound
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.contexts import context_of
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, SELF_SUBJECT_REVIEW


class ClusterPlace:
    """A ModelRollout in a cluster."""

    is_running = True

    def __init__(self, cluster: Cluster, context: str, namespace: str, name: str) -> None:
        """Take a rollout that is there.

        Args:
            cluster: Has it.
            context: Its name, for people.
            namespace: Of the rollout.
            name: Of the rollout.
        """
        self._cluster, self._namespace, self._name = cluster, namespace, name
        self.key = f"{namespace}/{name}"
        self.where = f"in {context}" if context else "in the cluster"

    def read(self) -> ModelRollout:
        """Give the resource with its status."""
        found = self._cluster.get(MODEL_ROLLOUT, self._namespace, self._name)
        if found is None:
            raise NotFound(f"There is no ModelRollout {self._namespace}/{self._name} any more.")
        return rollout_of(found)

    def ask(self, wish: Wish) -> None:
        """Leave a request as an annotation."""
        merge = {"metadata": {"annotations": {ASK: text_of(wish, self._by())}}}
        self._cluster.patch(MODEL_ROLLOUT, self._namespace, self._name, merge)

    def _by(self) -> str:
        """Give who asks: the person here, and whom the API server takes them for."""
        review = {
            "apiVersion": SELF_SUBJECT_REVIEW.api_version,
            "kind": SELF_SUBJECT_REVIEW.kind,
            "metadata": {},
        }
        try:
            seen = self._cluster.create(review)
        except HeadraceError:
            # Old servers have no such kind, and some forbid it. Who asked is told as far as known.
            return person()
        user = seen.get("status", {}).get("userInfo", {}).get("username", "")
        return f"{person()} as {user}" if user else person()


def connected(
    kubeconfig: str | None = None, context: str | None = None, *, timeout: float = 10.0
) -> Cluster:
    """Find the API server that a person means.

    Args:
        kubeconfig: The file; by default `KUBECONFIG` or `~/.kube/config`.
        context: Its context; by default the current one.
        timeout: Seconds for an answer.

    Raises:
        SetupError: No cluster is configured.
    """
    file = kubeconfig or _kubeconfig()
    return Cluster.connect(file, context or None, connections=2, timeout=timeout)


def find_in_cluster(name: str | None, namespace: str, context: str) -> ClusterPlace:
    """Find a rollout by name, or the only one of the namespace.

    Args:
        name: `name` or `namespace/name`; None for the only one.
        namespace: Empty for that of the context.
        context: Empty for the current one.

    Raises:
        NotFound: There is none, or none of several was named.
        SetupError: No cluster is configured.
        PlatformUnavailable: It does not answer.
        PermanentError: Not permitted.
    """
    cluster = connected(None, context)
    shown, default = context_of(_kubeconfig(), context)
    if name is not None and "/" in name:
        namespace, _, name = name.partition("/")
    namespace = namespace or default
    if name is None:
        name = _only_one(cluster, namespace, shown)
    elif cluster.get(MODEL_ROLLOUT, namespace, name) is None:
        raise NotFound(f"There is no ModelRollout {namespace}/{name} in {shown}.")
    return ClusterPlace(cluster, shown, namespace, name)


def rollouts_in_cluster(namespace: str, context: str) -> Iterator[Callable[[], ModelRollout]]:
    """Give the rollouts of a namespace, each to be read by itself: see `rollout_of`.

    Args:
        namespace: Empty for that of the context.
        context: Empty for the current one.

    Raises:
        SetupError: No cluster is configured.
        PlatformUnavailable: It does not answer.
        PermanentError: Not permitted.
    """
    _, default = context_of(_kubeconfig(), context)
    found, _ = connected(None, context).list(MODEL_ROLLOUT, namespace or default)
    for each in found:
        yield partial(rollout_of, each)


def _kubeconfig() -> str | None:
    # The Kubernetes package has looked at the environment once, when it was imported.
    return os.environ.get("KUBECONFIG") or None


def _only_one(cluster: Cluster, namespace: str, context: str) -> str:
    found, _ = cluster.list(MODEL_ROLLOUT, namespace)
    names = sorted(str(each["metadata"]["name"]) for each in found)
    if len(names) == 1:
        return names[0]
    if not names:
        raise NotFound(f"There is no ModelRollout in the namespace {namespace} of {context}.")
    raise NotFound(
        f"There are several ModelRollouts in the namespace {namespace} of {context}; name one of: "
        f"{', '.join(names)}."
    )
