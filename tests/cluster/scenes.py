"""A rollout in a namespace of its own on a real API server, and all that acts on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.api import ModelRollout, Traffic
from headrace.api.rollout import Metadata
from headrace.engine.plan import Plan
from headrace.render.labels import ROLLOUT
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, Kind
from headrace.runtime.kubernetes.pieces import uid_of
from headrace.runtime.kubernetes.platform import KubernetesPlatform
from headrace.testing import FakeClock
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import (
    GatewayController,
    Nodes,
    created,
    eventually,
    in_namespace,
)
from tests.cluster.seldon_operator import SeldonOperator
from tests.unit.render.rollouts import model

STABLE, CANDIDATE = model("6"), model("7")
ALONE = Plan(stable=STABLE, candidate=None, traffic=Traffic(stable=100))


def split(weight: int) -> Plan:
    traffic = Traffic(stable=100 - weight, candidate=weight)
    return Plan(stable=STABLE, candidate=CANDIDATE, traffic=traffic)


@dataclass
class Scene:
    """A rollout in a namespace of its own, and all that acts on it."""

    server: ApiServer
    cluster: Cluster
    cache: Cache
    platform: KubernetesPlatform
    clock: FakeClock
    rollout: ModelRollout
    nodes: Nodes
    gateways: GatewayController
    operator: SeldonOperator

    @property
    def uid(self) -> str:
        return uid_of(self.rollout)

    def serve(self, **serving: Any) -> None:
        """Change spec.serving, as a person does."""
        metadata = self.rollout.metadata
        answer = self.cluster.patch(
            MODEL_ROLLOUT, metadata.namespace, metadata.name, {"spec": {"serving": serving}}
        )
        answer["metadata"].pop("managedFields", None)
        self.rollout = ModelRollout.model_validate(answer)

    def born_again(self) -> None:
        """Make the ModelRollout anew after it was deleted, with another uid."""
        namespace, name = self.rollout.metadata.namespace, self.rollout.metadata.name
        metadata = Metadata(name=name, namespace=namespace)
        again = self.rollout.model_copy(update={"metadata": metadata})
        self.rollout = created(self.cluster, again)

    def hears_of(self, kind: Kind, name: str) -> None:
        """Wait until the cache knows an object as it is now."""
        found = self.cluster.get(kind, self.rollout.metadata.namespace, name)
        labelled = found is not None and ROLLOUT in found["metadata"].get("labels", {})
        version = int(found["metadata"]["resourceVersion"]) if found else 0

        def is_known() -> bool:
            seen = self.cache.children(self.rollout.key).get((kind.kind, name))
            return seen is not None and seen.version >= version if labelled else seen is None

        eventually(is_known)

    def apply(self, plan: Plan) -> int:
        """Apply a plan and give the number of requests."""
        before = asked(self.cluster)
        self.platform.apply(self.rollout, plan)
        return asked(self.cluster) - before

    def settle(self, plan: Plan) -> None:
        def is_settled() -> bool:
            self.gateways.take()
            self.apply(plan)
            return self.platform.settled(self.rollout, plan)

        eventually(is_settled)

    def with_status(self, **fields: Any) -> None:
        status = self.rollout.status.model_copy(update=fields)
        self.rollout = self.rollout.model_copy(update={"status": status})

    def names(self, kind: Kind) -> set[str]:
        found, _ = self.cluster.list(kind, self.rollout.metadata.namespace)
        return {each["metadata"]["name"] for each in found}


def asked(cluster: Cluster) -> int:
    """Give how many requests were made, watches aside."""
    return sum(n for (verb, _, _), n in cluster.requests.items() if verb != "watch")


Running = tuple[Cluster, Cache, KubernetesPlatform]


@contextlib.contextmanager
def platform_of(server: ApiServer, namespace: str) -> Iterator[Running]:
    cluster = Cluster.connect(str(server.kubeconfig))
    cache = Cache(cluster, [namespace])
    cache.start()
    try:
        assert cache.wait(300)
        yield cluster, cache, KubernetesPlatform(cluster, cache)
    finally:
        cache.stop()
        cluster.close()


@contextlib.contextmanager
def scene_of(server: ApiServer, **fields: Any) -> Iterator[Scene]:
    rollout = in_namespace(server, **fields)
    namespace = rollout.metadata.namespace
    with platform_of(server, namespace) as (cluster, cache, _):
        clock = FakeClock()
        yield Scene(
            server,
            cluster,
            cache,
            KubernetesPlatform(cluster, cache, clock=clock),
            clock,
            created(cluster, rollout),
            Nodes(cluster, namespace),
            GatewayController(cluster, namespace),
            SeldonOperator(cluster, namespace),
        )
