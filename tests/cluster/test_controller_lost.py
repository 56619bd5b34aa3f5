"""Statuses that were lost or spoilt while no controller ran that could remember them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.api import Phase
from headrace.controller.kept import ASK, FINALIZER
from headrace.engine.observations import Wish
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.scenes import CANDIDATE, STABLE, scene_of, split
from tests.cluster.stage import Stage, staged

STEPS = [{"weight": 20, "hold": "1s"}, {"weight": 50, "hold": "1s"}]
HELD = {"canary": {"steps": [STEPS[0], {"approval": {}}]}}
FREE = {"canary": {"steps": STEPS}}
SELDON: dict[str, Any] = {
    "serving": {"backend": "Seldon"},
    "routing": {"provider": "Seldon"},
}
SPECS: dict[str, dict[str, Any]] = {
    "spoilt": {},
    "other": {},
    "emptied": {},
    "begun": {},
    "shared": {},
    "seldon": SELDON,
    "seldon-shared": SELDON,
    "older": {},
    "halfway": {},
    "deleted": {},
}
KEPT = ("spoilt", "other", "older", "halfway")
"""Whose statuses are not emptied."""
SHARED = ("spoilt", "shared", "seldon-shared")
TRIED = {"1": 80, "2": 20}


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give a stage on which a controller has just begun, and statuses were lost before that."""
    with staged(server, tmp_path_factory.mktemp("lost")) as one:
        one.start()
        for name, spec in SPECS.items():
            one.another(name).apply("1", **spec)
        for name in SPECS:
            one.another(name).until(Phase.HEALTHY, "1")
        for name in SHARED:
            one.another(name).apply("2", strategy=HELD, **SPECS[name])
        for name in SHARED:
            eventually(lambda name=name: one.another(name).weights() == TRIED)  # type: ignore[misc]
        copies = {"older": one.another("older").status()}
        one.another("older").apply("2", strategy=FREE)
        one.another("halfway").apply("2", strategy=HELD)
        eventually(lambda: one.another("halfway").weights() == TRIED)
        copies["halfway"] = one.another("halfway").status()
        one.another("halfway").apply("2", strategy=FREE)
        for name in copies:
            one.another(name).until(Phase.HEALTHY, "2")
            eventually(lambda name=name: versions(one.another(name)) == {"2"})  # type: ignore[misc]
        one.stop()
        for name, status in copies.items():
            write(one.another(name), status)
        for name in SPECS:
            if name not in KEPT:
                write(one.another(name), {})
                one.another(name).apply("2", strategy=FREE, **SPECS[name])
        write(one.another("begun"), {"phase": "Progressing", "candidate": wanted(one, "begun")})
        delete(one.another("deleted"))
        write(one.another("spoilt"), {"stable": {"version": "2"}})
        one.play.unserved = 0
        one.start()
        yield one


def versions(stage: Stage) -> set[str]:
    """Give the versions that have servers."""
    found, _ = stage.cluster.list(DEPLOYMENT, stage.namespace, f"headrace.dev/rollout={stage.name}")
    return {each["metadata"]["labels"]["headrace.dev/version"] for each in found}


def wanted(stage: Stage, name: str) -> dict[str, Any]:
    """Give the version that a rollout's spec names."""
    found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, name)
    assert found is not None
    return dict(found["spec"]["model"])


def delete(stage: Stage) -> None:
    found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name)
    assert found is not None
    assert FINALIZER in found["metadata"]["finalizers"]
    stage.cluster.delete(MODEL_ROLLOUT, stage.namespace, stage.name, found["metadata"]["uid"])


def is_gone(stage: Stage) -> bool:
    return stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name) is None


def write(stage: Stage, status: dict[str, Any]) -> None:
    found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name)
    assert found is not None
    stage.cluster.replace_status({**found, "status": status})


def require(stage: Stage, *history: tuple[str, str]) -> None:
    """Wait until version 2 is live, and insist on the way there: no user lost an answer."""
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == [*history]
    assert stage.play.unserved == 0


def reasons(stage: Stage) -> set[str]:
    return {
        event["reason"] for event in stage.events() if event["involvedObject"]["name"] == stage.name
    }


def retry(stage: Stage) -> None:
    said = json.dumps({"wish": Wish.RETRY, "identity": str(uuid.uuid4()), "by": "ana"})
    noted = {"metadata": {"annotations": {ASK: said}}}
    stage.cluster.patch(MODEL_ROLLOUT, stage.namespace, stage.name, noted)


def test_a_status_that_cannot_be_read_is_told_and_users_keep_what_they_have(
    theatre: Stage,
) -> None:
    stage = theatre.another("spoilt")
    eventually(lambda: "StatusUnreadable" in reasons(stage))

    def stalled() -> dict[str, Any]:
        conditions = stage.status().get("conditions", ())
        return next((each for each in conditions if each["type"] == "Stalled"), {})

    eventually(lambda: stalled().get("status") == "True")
    assert "status.stable.name: Field required" in stalled()["message"]
    assert stage.status()["stable"] == {"version": "2"}, "nothing of it is lost"
    other = theatre.another("other")
    other.apply("2", strategy=FREE)
    other.until(Phase.HEALTHY, "2")
    assert stage.weights() == TRIED
    assert stage.status()["stable"] == {"version": "2"}

    stage.apply("2", strategy=FREE)
    retry(stage)
    require(stage, ("1", "Live"), ("2", "Superseded"), ("2", "Promoted"))


@pytest.mark.parametrize("name", ["emptied", "begun", "seldon"])
def test_the_version_that_has_the_users_is_stable_and_the_specs_is_tried_beside_it(
    theatre: Stage, name: str
) -> None:
    stage = theatre.another(name)
    require(stage, ("1", "Live"), ("2", "Promoted"))
    told = [each["reason"] for each in stage.status()["history"]]
    assert told == ["ServingVersionAdopted", "ProvedSafe"]
    assert "ServingVersionAdopted" in reasons(stage)


@pytest.mark.parametrize("name", ["shared", "seldon-shared"])
def test_who_has_most_of_the_users_is_stable_and_the_others_begin_anew(
    theatre: Stage, name: str
) -> None:
    require(theatre.another(name), ("1", "Live"), ("2", "Superseded"), ("2", "Promoted"))


def test_a_status_of_before_the_last_promotion_takes_no_users_to_where_nobody_is(
    theatre: Stage,
) -> None:
    stage = theatre.another("older")
    require(stage, ("1", "Live"), ("2", "Live"))
    assert stage.weights() == {"2": 100}


def test_a_status_of_halfway_takes_users_back_once_stable_has_servers(theatre: Stage) -> None:
    require(theatre.another("halfway"), ("1", "Live"), ("2", "Promoted"))


def test_what_serves_outlives_a_rollout_that_was_deleted_without_a_status(theatre: Stage) -> None:
    stage = theatre.another("deleted")
    eventually(lambda: is_gone(stage), 120)
    assert stage.weights() == {"1": 100}
    assert versions(stage) == {"1"}
    found, _ = stage.cluster.list(DEPLOYMENT, stage.namespace, f"headrace.dev/rollout={stage.name}")
    assert "ownerReferences" not in found[0]["metadata"]
    assert stage.play.unserved == 0


def test_a_rollout_that_is_made_anew_over_what_it_left_behind_tries_its_version(
    theatre: Stage,
) -> None:
    stage = theatre.another("other")
    stage.until(Phase.HEALTHY, "2")
    delete(stage)
    eventually(lambda: is_gone(stage), 120)
    assert stage.weights() == {"2": 100}
    stage.apply("3", strategy=HELD)
    eventually(lambda: stage.weights() == {"2": 80, "3": 20})
    assert stage.status()["stable"]["version"] == "2"
    assert stage.play.unserved == 0


@pytest.mark.parametrize(
    ("backend", "router"),
    [("Kubernetes", "GatewayAPI"), ("Kubernetes", "Istio"), ("Seldon", "Seldon")],
)
@pytest.mark.parametrize("share", [0, 25, 75])
def test_who_serves_is_read_off_the_objects(
    server: ApiServer, backend: str, router: str, share: int
) -> None:
    with scene_of(server, backend=backend, router=router) as scene:
        scene.apply(split(share))
        serving = scene.platform.observe(scene.rollout).serving
        shares = {each.model: each.weight for each in serving}
        expected = {STABLE: 100 - share, CANDIDATE: share}
        assert shares == {model: weight for model, weight in expected.items() if weight}
        scene.with_status(stable=STABLE)
        assert scene.platform.observe(scene.rollout).serving == ()


@pytest.mark.parametrize(("before", "after"), [("GatewayAPI", "Istio"), ("Istio", "None")])
def test_who_serves_is_found_behind_the_router_of_before(
    server: ApiServer, before: str, after: str
) -> None:
    with scene_of(server, router=before) as scene:
        scene.apply(split(25))
        spec = scene.rollout.spec
        routing = spec.routing.model_copy(update={"provider": after})
        spec = spec.model_copy(update={"routing": routing})
        scene.rollout = scene.rollout.model_copy(update={"spec": spec})
        serving = scene.platform.observe(scene.rollout).serving
        assert {each.model: each.weight for each in serving} == {STABLE: 75, CANDIDATE: 25}


def test_what_somebody_has_changed_in_what_serves_is_no_version_that_can_be_told(
    server: ApiServer,
) -> None:
    with scene_of(server) as scene:
        scene.apply(split(0))
        (name, _) = sorted(scene.names(DEPLOYMENT))
        seen = scene.cluster.get(DEPLOYMENT, scene.rollout.metadata.namespace, name)
        assert seen is not None
        assert scene.platform.observe(scene.rollout).serving[0].model == STABLE
        containers = seen["spec"]["template"]["spec"]["containers"]
        containers[0]["command"] = ["seldon-core-microservice", "somebody.elses.Server"]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        scene.cluster.patch(DEPLOYMENT, scene.rollout.metadata.namespace, name, change)
        scene.hears_of(DEPLOYMENT, name)
        assert scene.platform.observe(scene.rollout).serving[0].model is None
