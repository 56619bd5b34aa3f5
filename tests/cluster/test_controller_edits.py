"""What people and other programs change in the middle of a rollout, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from headrace.api import Phase
from headrace.errors import Conflict
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, OWNED
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.played import opened
from tests.cluster.stage import Stage, staged

PROMOTED = [("1", "Live"), ("2", "Promoted")]
STEPS = [{"mirror": 100, "hold": "1s"}, {"weight": 20, "hold": "1s"}]
ROLLOUTS = ("spec", "invalid", "suspended", "objects", "status")


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(server, tmp_path_factory.mktemp("edits")) as one:
        one.start()
        for name in ROLLOUTS:
            one.another(name).apply("1")
        for name in ROLLOUTS:
            one.another(name).until(Phase.HEALTHY, "1")
        yield one


def under_way(stage: Stage, *more: dict[str, Any]) -> None:
    """Have a candidate that gets 20 % until somebody approves, or of steps that follow."""
    steps = [*STEPS, *(more or ({"approval": {}},))]
    stage.play.unserved = 0
    stage.apply("2", strategy={"canary": {"steps": steps}})
    stage.when(lambda _: stage.weights() == {"1": 80, "2": 20})


def edit(stage: Stage, **spec: Any) -> None:
    stage.cluster.patch(MODEL_ROLLOUT, stage.namespace, stage.name, {"spec": spec})


def scraped(stage: Stage) -> None:
    """Wait until Prometheus has seen all that users have met until now."""
    query = 'sum(envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"})'
    met = sum(
        float(line.rpartition(" ")[2])
        for line in stage.play.page().splitlines()
        if line.startswith("envoy_cluster_upstream_rq_xx") and 'class="5"' in line
    )

    def seen() -> float:
        url = f"{stage.play.prometheus}/api/v1/query"
        # The controller reads what had been there some seconds before.
        asked = {"query": query, "time": str(time.time() - 3)}
        answer = requests.get(url, asked, timeout=300).json()
        return float(answer["data"]["result"][0]["value"][1])

    eventually(lambda: seen() >= met)


def reasons(stage: Stage) -> set[str]:
    return {
        event["reason"] for event in stage.events() if event["involvedObject"]["name"] == stage.name
    }


def deployments(stage: Stage) -> dict[str, dict[str, Any]]:
    # What compares copies is of no version, and goes some seconds after the last copy.
    of_versions = f"headrace.dev/rollout={stage.name},headrace.dev/version"
    found, _ = stage.cluster.list(DEPLOYMENT, stage.namespace, of_versions)
    return {each["metadata"]["labels"]["headrace.dev/version"]: each["spec"] for each in found}


def test_edits_of_a_spec_on_the_way_take_effect_and_end_nothing(
    theatre: Stage, server: ApiServer
) -> None:
    stage = theatre.another("spec")
    under_way(stage)
    started = stage.status()["started"]

    errors = {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 4.0}}
    slo = {"name": "slo", "metric": "error-rate", "above": 0.5}
    edit(stage, analysis={"checks": [errors, slo]})
    stage.when(lambda status: {each["name"] for each in status["checks"]} == {"errors", "slo"})

    edit(stage, serving={"replicas": 3})
    eventually(lambda: {each["replicas"] for each in deployments(stage).values()} == {3})
    edit(stage, serving={"resources": {"requests": {"cpu": "300m"}}})

    def requested() -> list[str | None]:
        templates = (each["template"]["spec"] for each in deployments(stage).values())
        asked = (each["containers"][0]["resources"].get("requests", {}) for each in templates)
        return [each.get("cpu") for each in asked]

    eventually(lambda: requested() == ["300m", "300m"])
    assert set(deployments(stage)) == {"1", "2"}

    route = {"spec": {"routing": {"provider": "None"}}}
    answer = server.ask(
        "PATCH", MODEL_ROLLOUT.path(stage.namespace, stage.name), route, patch="merge"
    )
    assert answer.code == 422
    assert "routing cannot change while a rollout is under way" in answer.message

    steps = [*STEPS, {"weight": 30, "hold": "1s"}, {"approval": {}}]
    edit(stage, strategy={"canary": {"steps": steps}})
    stage.when(lambda _: stage.weights() == {"1": 70, "2": 30})
    assert stage.status()["started"] == started, "it is the same rollout"
    edit(stage, strategy={"canary": {"steps": steps[:-1]}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED
    assert stage.play.unserved == 0
    assert not reasons(stage) & {"EditUndone", "StatusUndone"}


def test_an_invalid_spec_on_the_way_changes_nothing_until_it_is_mended(theatre: Stage) -> None:
    stage = theatre.another("invalid")
    under_way(stage, {"weight": 50, "hold": "1s"}, {"approval": {}})
    stage.when(lambda _: stage.weights() == {"1": 50, "2": 50})
    wrong = {"schedule": "0 18 * * 5", "duration": "62h", "timezone": "Europe/Vienne"}
    edit(stage, freeze=[wrong])
    status = stage.when(lambda status: status["phase"] == Phase.INVALID)
    stalled = next(each for each in status["conditions"] if each["type"] == "Stalled")
    assert "is no time zone" in stalled["message"]
    assert stage.weights() == {"1": 50, "2": 50}
    edit(stage, freeze=[], strategy={"canary": {"steps": STEPS}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED


def test_a_suspended_rollout_stays_as_it_is_and_what_it_missed_is_not_used(
    theatre: Stage,
) -> None:
    stage = theatre.another("suspended")
    under_way(stage)
    edit(stage, suspended=True)
    stage.when(lambda status: status["decision"]["reason"] == "Suspended")
    # Users meet errors that nobody looks at; a test of these would end it at once.
    stage.play.behave("2").errors = 0.5
    before = stage.play.answers["2", "5"]
    eventually(lambda: stage.play.answers["2", "5"] > before + 500)
    assert stage.weights() == {"1": 80, "2": 20}
    assert stage.status()["decision"]["reason"] == "Suspended"
    stage.play.behave("2").errors = 0.01
    # A scrape that spans the end of the suspension has a little of what was before it.
    scraped(stage)
    edit(stage, suspended=False, strategy={"canary": {"steps": STEPS}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED


def test_a_hand_edit_on_the_way_is_put_back_and_told(theatre: Stage) -> None:
    stage = theatre.another("objects")
    under_way(stage)
    found = stage.cluster.get(HTTP_ROUTE, stage.namespace, stage.name)
    assert found is not None
    rules = found["spec"]["rules"]
    _, split = opened(found)
    for backend, weight in zip(split["backendRefs"], (0, 100), strict=True):
        backend["weight"] = weight
    stage.cluster.patch(HTTP_ROUTE, stage.namespace, stage.name, {"spec": {"rules": rules}})
    eventually(lambda: stage.weights() == {"1": 80, "2": 20})
    eventually(lambda: "EditUndone" in reasons(stage))
    edit(stage, strategy={"canary": {"steps": STEPS}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED


def write_over(stage: Stage, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Write another status, and give the one that it was made of."""
    for _ in range(100):
        found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name)
        assert found is not None
        wanted = change(found["status"])
        changed = {key: value for key, value in wanted.items() if value is not None}
        # The controller may have written in between.
        with suppress(Conflict):
            stage.cluster.replace_status({**found, "status": changed})
            return dict(found["status"])
    pytest.fail("somebody else was always quicker")


@pytest.mark.parametrize(
    "change",
    [
        lambda status: {},
        lambda status: {**status, "phase": "Promoting"},
        lambda status: {**status, "history": [], "candidate": None, "phase": "Healthy"},
        lambda status: {**status, "stable": status["candidate"], "step": 99},
    ],
    ids=["emptied", "absurd", "older", "another stable"],
)
def test_a_status_that_somebody_writes_over_loses_nothing_and_promotes_nothing(
    theatre: Stage, change: Any
) -> None:
    stage = theatre.another("status")
    if stage.history() == [("1", "Live")] and "candidate" not in stage.status():
        under_way(stage)
    before = write_over(stage, change)
    told = ("phase", "stable", "candidate", "history", "step")
    after = stage.when(lambda status: status.get("writes", 0) > before["writes"])
    assert {key: after.get(key) for key in told} == {key: before.get(key) for key in told}
    assert stage.weights() == {"1": 80, "2": 20}


def test_what_was_put_back_is_told_and_a_condition_of_somebody_else_stays(theatre: Stage) -> None:
    stage = theatre.another("status")
    eventually(lambda: "StatusUndone" in reasons(stage))

    def audited(status: dict[str, Any]) -> dict[str, Any]:
        theirs = {**status["conditions"][0], "type": "Audited"}
        return {**status, "conditions": [*status["conditions"], theirs]}

    write_over(stage, audited)
    edit(stage, strategy={"canary": {"steps": STEPS}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED
    assert "Audited" in {each["type"] for each in stage.status()["conditions"]}


def test_a_namespace_that_is_deleted_on_the_way_is_not_held_up(
    server: ApiServer, tmp_path: Path
) -> None:
    with staged(server, tmp_path) as stage:
        stage.start()
        stage.go_live()
        under_way(stage)
        server.ask("DELETE", f"/api/v1/namespaces/{stage.namespace}")
        # Its controller is not here, so its part is played: one kind after the other.
        for kind in (*OWNED, MODEL_ROLLOUT):
            server.ask("DELETE", kind.path(stage.namespace))
        eventually(
            lambda: stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name) is None, 120
        )
        for kind in OWNED:
            assert stage.cluster.list(kind, stage.namespace)[0] == []
