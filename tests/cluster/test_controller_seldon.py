"""SeldonDeployments through the whole controller.

The Seldon operator itself is not here: its part is played by a double that follows its rules, and
fails the test where its webhook would refuse. See `tests/cluster/seldon_operator.py`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.api import Phase
from headrace.controller.kept import ASK
from headrace.engine.observations import Wish
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, SELDON_DEPLOYMENT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.stage import Stage, staged

SPEC: dict[str, Any] = {
    "serving": {"backend": "Seldon", "replicas": 2},
    "routing": {"provider": "Seldon"},
}
HOLDING = {"canary": {"steps": [{"weight": 20, "hold": "1s"}, {"weight": 25, "hold": "60m"}]}}
"""Ends at 25 %, and stays there."""

FIRST = {
    "good": "1",
    "bad": "1",
    "dead": "1",
    "aborted": "1",
    "replaced": "1",
    "promoted": "a",
    "partly": "3",
    "later": "5",
}
"""Which version has the users of a rollout at first."""


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(server, tmp_path_factory.mktemp("seldon")) as one:
        one.start()
        for name, version in FIRST.items():
            one.another(name).apply(version, **SPEC)
        for name, version in FIRST.items():
            one.another(name).until(Phase.HEALTHY, version)
        one.play.unserved = 0
        yield one


def predictors(stage: Stage) -> dict[str, tuple[int, bool]]:
    """Give what is asked of the operator: weight, and whether it is a shadow, by version."""
    found = stage.cluster.get(SELDON_DEPLOYMENT, stage.namespace, stage.name)
    assert found is not None
    return {
        each["labels"]["headrace.dev/version"]: (each["traffic"], each.get("shadow", False))
        for each in found["spec"]["predictors"]
    }


def test_a_better_version_is_shadowed_weighted_and_promoted_and_no_pod_restarts(
    theatre: Stage,
) -> None:
    stage = theatre.another("good")
    assert stage.weights() == {"1": 100}
    stage.apply("2", **SPEC)
    seen: set[tuple[str, tuple[int, bool]]] = set()

    def promoted(status: dict[str, Any]) -> bool:
        seen.update(predictors(stage).items())
        return bool(status["phase"] == Phase.HEALTHY and status["stable"]["version"] == "2")

    stage.when(promoted)
    assert ("2", (100, True)) in seen, "a shadow"
    assert {("2", (20, False)), ("2", (50, False))} <= seen
    eventually(lambda: predictors(stage) == {"2": (100, False)})
    assert stage.history() == [("1", "Live"), ("2", "Promoted")]
    assert stage.play.copies["2"] > 0
    assert stage.play.answers["2", "2"] > 0
    assert stage.play.operator.restarted == []
    assert stage.play.unserved == 0
    eventually(lambda: stage.weights() == {"2": 100})


def test_a_worse_version_is_rolled_back_by_removing_its_predictor(theatre: Stage) -> None:
    stage = theatre.another("bad")
    stage.play.behave("b").errors = 0.3
    stage.apply("b", **SPEC)
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert "candidate failed" in status["decision"]["message"]
    assert predictors(stage) == {"1": (100, False)}
    eventually(lambda: stage.weights() == {"1": 100})


def ask(stage: Stage, wish: Wish) -> None:
    said = json.dumps({"wish": wish, "identity": str(uuid.uuid4()), "by": "ana"})
    noted = {"metadata": {"annotations": {ASK: said}}}
    stage.cluster.patch(MODEL_ROLLOUT, stage.namespace, stage.name, noted)


def with_users(theatre: Stage, name: str, version: str) -> Stage:
    """Give a rollout whose candidate has a quarter of the users."""
    stage = theatre.another(name)
    stage.apply(version, **SPEC, strategy=HOLDING)
    eventually(lambda: stage.weights() == {FIRST[name]: 75, version: 25})
    return stage


def test_one_that_dies_loses_its_users_and_has_them_again_when_it_is_back(theatre: Stage) -> None:
    """The operator moves no weights while a predictor is not ready, so it goes for a while."""
    stage = with_users(theatre, "dead", "d")
    held = stage.play.operator.held
    stage.play.behave("d").pods = 0
    eventually(lambda: stage.weights().get("d", 0) == 0)
    assert stage.weights()["1"] == 100
    assert stage.play.operator.held > held, "it was asked while one was not ready"
    status = stage.when(lambda status: status["decision"]["reason"] == "CandidateNotReady")
    assert status["phase"] == Phase.PROGRESSING
    # It starts again without users, and has what it had once it is there.
    eventually(lambda: predictors(stage) == {"1": (100, False), "d": (0, False)})
    assert stage.weights() == {"1": 100}
    stage.play.unserved = 0
    stage.play.behave("d").pods = 2
    eventually(lambda: stage.weights() == {"1": 75, "d": 25})
    assert stage.history() == [("1", "Live")]
    assert stage.play.unserved == 0


def servers(stage: Stage) -> dict[str, int]:
    """Give how many servers are asked for, by version."""
    found = stage.cluster.get(SELDON_DEPLOYMENT, stage.namespace, stage.name)
    assert found is not None
    return {
        each["labels"]["headrace.dev/version"]: each["replicas"]
        for each in found["spec"]["predictors"]
    }


def test_users_leave_a_bad_one_though_not_all_servers_of_stable_are_ready(theatre: Stage) -> None:
    """The operator would wait for the one that is not ready, which serves nobody."""
    stage = with_users(theatre, "partly", "4")
    stage.play.behave("3").pods = 1
    stage.play.unserved = 0
    stage.play.behave("4").errors = 0.3
    stage.when(lambda status: status["decision"]["action"] == "RollBack")
    eventually(lambda: stage.weights() == {"3": 100})
    stage.until(Phase.ROLLED_BACK, "3")
    eventually(lambda: servers(stage) == {"3": 2})
    assert stage.weights() == {"3": 100}
    assert stage.play.unserved == 0
    stage.play.behave("3").pods = 2


def test_users_leave_a_bad_one_though_a_server_of_stable_goes_at_the_same_moment(
    theatre: Stage,
) -> None:
    stage = with_users(theatre, "later", "6")
    stage.play.behave("6").pods = 1
    stage.play.behave("5").pods = 0
    eventually(lambda: stage.status()["servers"][0].get("ready", 0) == 0)
    ask(stage, Wish.ABORT)
    stage.when(lambda status: status["phase"] == Phase.ROLLING_BACK)
    assert stage.weights() == {"5": 75, "6": 25}, "there is nowhere to go"
    stage.play.behave("5").pods = 1
    eventually(lambda: stage.weights() == {"5": 100})
    stage.until(Phase.ROLLED_BACK, "5")
    eventually(lambda: servers(stage) == {"5": 2})


def test_a_dead_one_can_be_given_up(theatre: Stage) -> None:
    stage = with_users(theatre, "aborted", "e")
    stage.play.behave("e").pods = 0
    ask(stage, Wish.ABORT)
    stage.until(Phase.ROLLED_BACK, "1")
    eventually(lambda: stage.weights() == {"1": 100})
    assert predictors(stage) == {"1": (100, False)}


def test_a_dead_one_gives_way_to_a_new_version(theatre: Stage) -> None:
    stage = with_users(theatre, "replaced", "c")
    stage.play.behave("c").pods = 0
    stage.apply("2", **SPEC, strategy=HOLDING)
    eventually(lambda: stage.weights() == {"1": 75, "2": 25})
    assert stage.history() == [("1", "Live"), ("c", "Superseded")]


def test_users_of_a_dead_stable_version_can_be_given_to_the_candidate(theatre: Stage) -> None:
    stage = with_users(theatre, "promoted", "f")
    stage.play.behave("a").pods = 0
    ask(stage, Wish.PROMOTE_FULL)
    stage.until(Phase.HEALTHY, "f")
    eventually(lambda: stage.weights() == {"f": 100})
