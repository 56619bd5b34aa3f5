"""What the engine is told, from objects as the API server gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from headrace.api import ModelRollout, ModelSpec, Traffic
from headrace.engine.observations import VersionState, World
from headrace.engine.plan import Plan
from headrace.render.labels import pod_labels
from headrace.render.rendering import render
from headrace.runtime.kubernetes.deployments import DeploymentState, read_deployment
from headrace.runtime.kubernetes.kinds import POD, kind_of
from headrace.runtime.kubernetes.seen import Seen, see
from headrace.runtime.kubernetes.tally import Tally
from headrace.runtime.kubernetes.world import models_of, world_of
from tests.unit.render.rollouts import built, model

STABLE, CANDIDATE = model("6"), model("7")
SPLIT = Plan(STABLE, CANDIDATE, Traffic(stable=95, candidate=5))


def deployment(
    generation: int = 1, wanted: int | None = 2, conditions: Iterable[Any] = (), **status: int
) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {
        "metadata": {"generation": generation},
        "spec": spec,
        "status": {"observedGeneration": 1, "conditions": [*conditions], **status},
    }


FAILED = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
DEPLOYMENTS: dict[str, tuple[dict[str, Any], DeploymentState]] = {
    "nobody has looked at it": ({"spec": {"replicas": 2}}, DeploymentState(2, 0)),
    "it does not say how many": (deployment(wanted=None), DeploymentState(1, 0)),
    "some of its pods answer": (
        deployment(replicas=2, updatedReplicas=2, availableReplicas=1),
        DeploymentState(2, 1),
    ),
    "all of its pods answer": (
        deployment(replicas=2, updatedReplicas=2, availableReplicas=2),
        DeploymentState(2, 2),
    ),
    "its template has just changed": (
        deployment(generation=2, replicas=2, updatedReplicas=2, availableReplicas=2),
        DeploymentState(2, 1),
    ),
    "its pods are being replaced": (
        deployment(replicas=3, updatedReplicas=1, availableReplicas=3),
        DeploymentState(2, 1),
    ),
    "its only pod is being replaced": (
        deployment(wanted=1, replicas=2, updatedReplicas=1, availableReplicas=1),
        DeploymentState(1, 1),
    ),
    "its pods are being replaced and none answers": (
        deployment(replicas=2, updatedReplicas=1, availableReplicas=0),
        DeploymentState(2, 0),
    ),
    "its pods may not be made": (
        deployment(conditions=[FAILED]),
        DeploymentState(2, 0, "FailedCreate: quota"),
    ),
    "its fields are of other types": (
        {"spec": {"replicas": "2"}, "status": {"availableReplicas": True, "conditions": {}}},
        DeploymentState(1, 0),
    ),
}


@pytest.mark.parametrize(("given", "expected"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_a_deployment_says(given: dict[str, Any], expected: DeploymentState) -> None:
    assert read_deployment(given) == expected


def rollout(stable: ModelSpec | None = STABLE, **fields: Any) -> ModelRollout:
    made = built(**fields)
    status = made.status.model_copy(update={"stable": stable, "candidate": CANDIDATE})
    return made.model_copy(update={"status": status})


def world(of: ModelRollout, things: Iterable[Mapping[str, Any]]) -> World:
    """Tell of objects; those without a kind are pods."""
    seen = [_seen(thing) for thing in things]
    models = models_of(of.status)
    return world_of(of, models, seen, {each.version: Tally() for each in models})


def _seen(thing: Mapping[str, Any]) -> Seen:
    return see(kind_of(thing) if "kind" in thing else POD, thing)


def running(
    of: ModelRollout, plan: Plan, answering: int = 1, status: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Give all objects of a plan, with servers that answer and a router that has taken over."""
    things = render(of, plan)
    for thing in things:
        if thing["kind"] == "Deployment":
            counted = dict.fromkeys(("replicas", "updatedReplicas"), 1)
            thing["status"] = {**counted, "availableReplicas": answering}
        elif status is not None:
            thing["status"] = dict(status)
    return things


def pod(of: ModelRollout, version: ModelSpec, **status: Any) -> dict[str, Any]:
    metadata = {"uid": str(status), "labels": pod_labels(of, version)}
    return {"metadata": metadata, "status": status}


GATEWAY = {"name": "models", "namespace": "models"}


def said(status: str) -> dict[str, Any]:
    conditions = [{"type": "Accepted", "status": status}]
    return {"parents": [{"parentRef": GATEWAY, "conditions": conditions}]}


ACCEPTED, REFUSED = said("True"), said("False")
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def test_of_what_is_not_there_nothing_is_ready_and_nothing_is_carried() -> None:
    nothing = {"6": VersionState(1, 0), "7": VersionState(1, 0)}
    assert world(rollout(), []) == World(nothing, Traffic())


def test_a_first_version_is_stable() -> None:
    of = rollout(stable=None)
    plan = Plan(CANDIDATE, None, Traffic(stable=100))
    told = world(of, running(of, plan, status=ACCEPTED))
    assert told == World({"7": VersionState(1, 1)}, Traffic(stable=100))


CARRIED: dict[str, tuple[str, str, Mapping[str, Any], Traffic | None]] = {
    "a gateway has it": ("Kubernetes", "GatewayAPI", ACCEPTED, SPLIT.traffic),
    "a gateway has refused it": ("Kubernetes", "GatewayAPI", REFUSED, None),
    "a gateway has said nothing": ("Kubernetes", "GatewayAPI", {}, None),
    "Istio has the object": ("Kubernetes", "Istio", {}, SPLIT.traffic),
    "a Service sends all to one": ("Kubernetes", "None", {}, Traffic(stable=100)),
    "the Seldon operator has it": ("Seldon", "Seldon", {"state": "Available"}, SPLIT.traffic),
    "the Seldon operator waits": ("Seldon", "Seldon", {"state": "Creating"}, None),
    "a gateway has it before Seldon": ("Seldon", "GatewayAPI", ACCEPTED, SPLIT.traffic),
}


@pytest.mark.parametrize(("backend", "router", "status", "carried"), CARRIED.values(), ids=CARRIED)
def test_traffic_is_what_the_router_carries_when(
    backend: str, router: str, status: Mapping[str, Any], carried: Traffic | None
) -> None:
    of = rollout(backend=backend, router=router)
    assert world(of, running(of, SPLIT, status=status)).traffic == carried


def test_copies_are_seen() -> None:
    of = rollout()
    plan = Plan(STABLE, CANDIDATE, Traffic(stable=100, mirror=30))
    assert world(of, running(of, plan, status=ACCEPTED)).traffic == plan.traffic


def test_further_candidates_are_seen_by_their_names() -> None:
    third = model("8")
    of = rollout(strategy="abTest", challengers=[third.model_dump()])
    challengers = [{"model": third}]
    status = of.status.model_copy(
        update={
            "challengers": type(of.status).model_validate({"challengers": challengers}).challengers
        }
    )
    of = of.model_copy(update={"status": status})
    traffic = Traffic(stable=60, candidate=30, challengers={"8": 10})
    plan = Plan(STABLE, CANDIDATE, traffic, challengers=(third,))
    told = world(of, running(of, plan, status=ACCEPTED))
    assert told.traffic == traffic
    assert set(told.versions) == {"6", "7", "8"}


def test_what_a_route_still_gives_to_others_is_in_nobodys_share() -> None:
    of = rollout()
    gone = Plan(STABLE, model("5"), Traffic(stable=70, candidate=30))
    traffic = world(of, running(of, gone, status=ACCEPTED)).traffic
    assert traffic is not None
    assert (traffic.stable, traffic.candidate, sum(traffic.challengers.values())) == (70, 0, 30)


def test_seldons_servers_are_counted_by_their_pods() -> None:
    of = rollout(
        backend="Seldon", router="GatewayAPI", serving={"backend": "Seldon", "replicas": 2}
    )
    things = [pod(of, STABLE, **READY, ip=1), pod(of, STABLE, **READY, ip=2), pod(of, CANDIDATE)]
    assert world(of, things).versions == {"6": VersionState(2, 2), "7": VersionState(2, 0)}


def test_why_a_version_is_not_ready_is_said_by_its_pod() -> None:
    of = rollout()
    state = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    broken = pod(of, CANDIDATE, containerStatuses=[{"restartCount": 0, "state": state}])
    told = world(of, [*running(of, SPLIT, answering=0), broken])
    assert told.versions["7"] == VersionState(1, 0, waiting="ErrImagePull: not found")
    assert told.versions["6"] == VersionState(1, 0)


def test_a_version_that_one_server_has_loaded_is_not_refused() -> None:
    of = rollout()
    words = "headrace: refused: DigestMismatch: another one"
    state = {"terminated": {"exitCode": 3, "message": words}}
    refusing = pod(of, CANDIDATE, initContainerStatuses=[{"restartCount": 1, "state": state}])
    told = world(of, [*running(of, SPLIT, answering=0), refusing])
    assert told.versions["7"].refused == "DigestMismatch: another one"
    assert world(of, [*running(of, SPLIT), refusing]).versions["7"].refused == ""


def test_why_there_is_no_pod_is_said_by_the_deployment() -> None:
    of = rollout()
    things = running(of, SPLIT, answering=0)
    for thing in things:
        if thing["kind"] == "Deployment":
            thing["status"]["conditions"] = [FAILED]
    assert world(of, things).versions["7"].waiting == "FailedCreate: quota"
