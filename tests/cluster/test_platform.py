"""The platform against a real API server; the nodes and the gateway are played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.api import ModelRollout, Traffic
from headrace.engine.observations import VersionState
from headrace.engine.plan import Plan
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, SERVICE
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
from tests.unit.render.rollouts import model

STABLE, CANDIDATE = model("6"), model("7")
ALONE = Plan(stable=STABLE, candidate=None, traffic=Traffic(stable=100))


def split(weight: int) -> Plan:
    traffic = Traffic(stable=100 - weight, candidate=weight)
    return Plan(stable=STABLE, candidate=CANDIDATE, traffic=traffic)


@dataclass
class Scene:
    """A rollout in a namespace of its own, and all that acts on it."""

    cluster: Cluster
    cache: Cache
    platform: KubernetesPlatform
    clock: FakeClock
    rollout: ModelRollout
    nodes: Nodes
    gateways: GatewayController

    @property
    def writes(self) -> int:
        """Requests that changed something, or tried."""
        return sum(n for (verb, _, _), n in self.cluster.requests.items() if verb != "watch")

    def apply(self, plan: Plan) -> int:
        """Apply a plan and give the number of requests."""
        before = self.writes
        self.platform.apply(self.rollout, plan)
        return self.writes - before

    def settle(self, plan: Plan) -> None:
        def is_settled() -> bool:
            self.gateways.take()
            self.platform.apply(self.rollout, plan)
            return self.platform.settled(self.rollout, plan)

        eventually(is_settled)

    def with_status(self, **fields: Any) -> None:
        status = self.rollout.status.model_copy(update=fields)
        self.rollout = self.rollout.model_copy(update={"status": status})

    def names(self, kind: Any) -> set[str]:
        found, _ = self.cluster.list(kind, self.rollout.metadata.namespace)
        return {each["metadata"]["name"] for each in found}


@pytest.fixture
def scene(server: ApiServer) -> Iterator[Scene]:
    yield from scenes(server)


def scenes(server: ApiServer, **fields: Any) -> Iterator[Scene]:
    cluster = Cluster.connect(str(server.kubeconfig))
    rollout = created(cluster, in_namespace(server, **fields))
    namespace = rollout.metadata.namespace
    cache = Cache(cluster, [namespace])
    cache.start()
    assert cache.wait(30)
    clock = FakeClock()
    try:
        yield Scene(
            cluster,
            cache,
            KubernetesPlatform(cluster, cache, clock=clock),
            clock,
            rollout,
            Nodes(cluster, namespace),
            GatewayController(cluster, namespace),
        )
    finally:
        cache.stop()


def test_a_plan_is_applied_once_and_costs_nothing_after_that(scene: Scene) -> None:
    first = scene.apply(ALONE)
    assert first == 6  # account, deployment, service, budget, policy, route
    assert scene.apply(ALONE) == 0
    assert scene.apply(ALONE) == 0
    assert scene.platform.settled(scene.rollout, ALONE)
    assert scene.apply(split(0)) == 6
    assert scene.apply(split(5)) == 1
    assert scene.apply(split(5)) == 0
    assert scene.platform.notes(scene.rollout.key) == []


def test_a_version_is_ready_when_its_deployment_says_so(scene: Scene) -> None:
    scene.with_status(stable=STABLE)
    scene.apply(ALONE)
    assert scene.platform.observe(scene.rollout).versions == {"6": VersionState(1, 0)}
    scene.nodes.run()
    eventually(lambda: scene.platform.observe(scene.rollout).versions == {"6": VersionState(1, 1)})


def test_traffic_is_seen_when_the_gateway_has_taken_the_route_over(scene: Scene) -> None:
    scene.with_status(stable=STABLE, candidate=CANDIDATE)
    assert scene.platform.observe(scene.rollout).traffic == Traffic()
    scene.apply(split(5))
    assert scene.platform.observe(scene.rollout).traffic is None
    scene.gateways.take()
    eventually(lambda: scene.platform.observe(scene.rollout).traffic == split(5).traffic)
    scene.apply(split(25))
    assert scene.platform.observe(scene.rollout).traffic is None
    scene.gateways.take()
    eventually(lambda: scene.platform.observe(scene.rollout).traffic == split(25).traffic)


def test_versions_go_only_after_the_gateway_has_forgotten_them(scene: Scene) -> None:
    scene.settle(split(0))
    assert len(scene.names(DEPLOYMENT)) == 2
    scene.apply(ALONE)
    assert scene.apply(ALONE) == 0
    assert len(scene.names(DEPLOYMENT)) == len(scene.names(SERVICE)) == 2
    scene.settle(ALONE)
    assert len(scene.names(DEPLOYMENT)) == len(scene.names(SERVICE)) == 1
    assert scene.platform.notes(scene.rollout.key) == []


def test_without_a_word_from_the_gateway_versions_go_after_a_while(scene: Scene) -> None:
    scene.apply(split(0))
    scene.apply(ALONE)
    scene.apply(ALONE)
    assert len(scene.names(DEPLOYMENT)) == 2
    scene.clock.advance(10)
    scene.apply(ALONE)
    assert len(scene.names(DEPLOYMENT)) == 1


def test_what_is_not_owned_by_this_rollout_is_never_deleted(scene: Scene) -> None:
    namespace = scene.rollout.metadata.namespace
    labels = {"headrace.dev/rollout": scene.rollout.metadata.name}
    metadata = {"name": "somebodys", "namespace": namespace, "labels": labels}
    spec = {"ports": [{"port": 80}]}
    scene.cluster.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    )
    scene.settle(ALONE)
    assert "somebodys" in scene.names(SERVICE)


def test_a_hand_edit_is_put_back_and_told(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(DEPLOYMENT)
    scene.cluster.patch(DEPLOYMENT, namespace, name, {"spec": {"replicas": 9}})
    seen = scene.cache.change(scene.rollout.key)
    eventually(lambda: scene.cache.change(scene.rollout.key) > seen)
    assert scene.apply(ALONE) == 1
    after = scene.cluster.get(DEPLOYMENT, namespace, name)
    assert after is not None
    assert after["spec"]["replicas"] == 1
    assert scene.apply(ALONE) == 0
    ((reason, message),) = scene.platform.notes(scene.rollout.key)
    assert reason == "EditUndone"
    assert "spec.replicas" in message


def test_a_child_that_is_deleted_by_hand_is_made_again(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    found = scene.cluster.get(HTTP_ROUTE, namespace, "flight-delay")
    assert found is not None
    seen = scene.cache.change(scene.rollout.key)
    scene.cluster.delete(HTTP_ROUTE, namespace, "flight-delay", found["metadata"]["uid"])
    eventually(lambda: scene.cache.change(scene.rollout.key) > seen)
    assert scene.apply(ALONE) == 1
    assert scene.names(HTTP_ROUTE) == {"flight-delay"}
    ((reason, _),) = scene.platform.notes(scene.rollout.key)
    assert reason == "DeletionUndone"
