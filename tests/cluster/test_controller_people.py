"""What people ask for with the commands, calendars and gates bar, and modes say: all at work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from headrace.api import Phase
from headrace.controller.kept import ASK, ask_of
from headrace.engine.observations import Wish
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.stage import Stage, staged
from tests.local.receiver import Receiver, listening, says

STEPS = [{"mirror": 100, "hold": "1s"}, {"weight": 20, "hold": "1s"}]
APPROVAL: dict[str, Any] = {"approval": {}}
PROMOTED = [("1", "Live"), ("2", "Promoted")]
ROLLOUTS = ("approval", "pause", "abort", "full", "frozen", "gate", "observe", "advise")


@pytest.fixture(scope="module")
def theatre(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(server, tmp_path_factory.mktemp("people")) as one:
        one.start()
        for name in ROLLOUTS:
            one.another(name).apply("1")
        for name in ROLLOUTS:
            one.another(name).until(Phase.HEALTHY, "1")
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as running:
        yield running


def say(stage: Stage, *words: str) -> str:
    """Type a command, and give what it says."""
    code = "from headrace.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words, stage.name, "--namespace", stage.namespace],
        env={"KUBECONFIG": str(stage.kubeconfig), "HOME": str(stage.folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def try_out(stage: Stage, *more: dict[str, Any], version: str = "2", **spec: Any) -> None:
    steps = [*STEPS, *(more or (APPROVAL,))]
    stage.apply(version, strategy={"canary": {"steps": steps}}, **spec)
    stage.when(lambda _: stage.weights() == {"1": 80, version: 20})


def edit(stage: Stage, **spec: Any) -> None:
    stage.cluster.patch(MODEL_ROLLOUT, stage.namespace, stage.name, {"spec": spec})


def decided(stage: Stage, reason: str) -> dict[str, Any]:
    return stage.when(lambda status: status["decision"]["reason"] == reason)


def wishes(status: dict[str, Any]) -> list[tuple[str, bool]]:
    """Give what was asked for, and whether it says by whom and when."""
    return [
        (each["wish"], each["by"].endswith(" as tester") and each["time"] > "2020")
        for each in status["wishes"]
    ]


def test_an_approval_is_remembered_with_who_and_when(theatre: Stage) -> None:
    stage = theatre.another("approval")
    try_out(stage)
    decided(stage, "WaitingForApproval")
    say(stage, "promote")
    status = stage.until(Phase.HEALTHY, "2")
    assert wishes(status) == [("promote", True)]
    assert stage.history() == PROMOTED
    shown = say(stage, "history")
    assert "2 promoted" in shown
    assert "as tester" in shown
    # By hand it is an annotation.
    found = stage.cluster.get(MODEL_ROLLOUT, stage.namespace, stage.name)
    assert found is not None
    ask = ask_of(found["metadata"]["annotations"])
    assert ASK in found["metadata"]["annotations"]
    assert ask is not None
    assert ask.wish is Wish.PROMOTE


def test_a_pause_lasts_until_somebody_says_resume(theatre: Stage) -> None:
    stage = theatre.another("pause")
    try_out(stage, {"weight": 25, "hold": "10m"})
    say(stage, "pause")
    status = stage.when(lambda status: status["phase"] == Phase.PAUSED)
    assert status["paused"]["reason"] == "PausedByPerson"
    edit(stage, strategy={"canary": {"steps": STEPS}})
    weights = stage.weights()
    decided(stage, "PausedByPerson")
    assert stage.weights() == weights
    say(stage, "resume")
    status = stage.until(Phase.HEALTHY, "2")
    assert wishes(status) == [("pause", True), ("resume", True)]
    assert stage.history() == PROMOTED


def test_an_abort_is_final_until_somebody_says_retry(theatre: Stage) -> None:
    stage = theatre.another("abort")
    try_out(stage)
    say(stage, "abort")
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert stage.weights() == {"1": 100}
    assert status["history"][-1]["by"].endswith(" as tester")
    assert "rolled back" in say(stage, "why")
    say(stage, "retry")
    stage.when(lambda _: stage.weights() == {"1": 80, "2": 20})
    say(stage, "promote", "--full")
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == [("1", "Live"), ("2", "RolledBack"), ("2", "Promoted")]


def test_a_full_promotion_is_undone(theatre: Stage) -> None:
    stage = theatre.another("full")
    try_out(stage, {"weight": 25, "hold": "10m"})
    say(stage, "promote", "--full")
    status = stage.until(Phase.HEALTHY, "2")
    assert status["history"][-1]["by"].endswith(" as tester")
    say(stage, "undo")
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert [wish for wish, _ in wishes(status)] == ["promote-full", "undo"]
    assert all(told for _, told in wishes(status))
    stage.when(lambda _: stage.weights() == {"1": 100})


def test_nothing_begins_in_a_freeze(theatre: Stage) -> None:
    stage = theatre.another("frozen")
    freeze = [{"schedule": "* * * * *", "duration": "1h"}]
    stage.apply("2", freeze=freeze)
    decided(stage, "Frozen")
    assert stage.weights() == {"1": 100}
    stage.apply("2", freeze=[], strategy={"canary": {"steps": STEPS}})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED


def test_a_gate_bars_a_promotion_until_it_opens(theatre: Stage, receiver: Receiver) -> None:
    stage = theatre.another("gate")
    receiver.answer = says({"approved": False, "reason": "an audit is open"})
    gates = [{"name": "audit", "url": f"{receiver.url}/gate", "before": "Promotion"}]
    stage.apply("2", gates=gates, strategy={"canary": {"steps": STEPS}})
    status = decided(stage, "GateClosed")
    assert "an audit is open" in status["decision"]["message"]
    assert stage.weights() == {"1": 80, "2": 20}
    assert stage.history() == [("1", "Live")]
    receiver.answer = says({"approved": True})
    stage.until(Phase.HEALTHY, "2")
    assert stage.history() == PROMOTED
    asked = receiver.seen[-1][2]
    assert (asked["rollout"], asked["version"]) == (f"{stage.namespace}/gate", "2")


def bad(stage: Stage, mode: str) -> dict[str, Any]:
    """Try a version that fails often, in a mode that does not act."""
    stage.play.behave("b").errors = 0.3
    check = {"name": "errors", "metric": "error-rate", "worseThanStable": {"ratio": 3.0}}
    analysis = {"interval": "1s", "checks": [check], "mode": mode}
    # With users from the first step on: a copy of the traffic would show it before they come.
    steps = [{"weight": 25, "hold": "10m"}]
    stage.apply("b", strategy={"canary": {"steps": steps}}, analysis=analysis)

    def has_failed(status: dict[str, Any]) -> bool:
        return "Fail" in {each.get("outcome") for each in status.get("checks", ())}

    return stage.when(has_failed)


def test_mode_observe_says_what_it_would_do_and_does_nothing(theatre: Stage) -> None:
    stage = theatre.another("observe")
    status = bad(stage, "Observe")
    healthy = next(each for each in status["conditions"] if each["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "ErrorRateWorse")
    assert status["phase"] == Phase.PROGRESSING
    weights = stage.weights()
    assert weights == {"1": 75, "b": 25}
    edit(stage, strategy={"canary": {"steps": [{"weight": 25, "hold": "20m"}]}})
    # It goes on looking, and acts on nothing.
    generation = stage.generation()
    stage.when(lambda status: status["observedGeneration"] == generation)
    assert (stage.status()["phase"], stage.weights()) == (Phase.PROGRESSING, weights)
    say(stage, "abort")
    stage.until(Phase.ROLLED_BACK, "1")


def test_mode_advise_leaves_the_rollback_to_people(theatre: Stage) -> None:
    stage = theatre.another("advise")
    bad(stage, "Advise")
    status = stage.when(lambda status: status["phase"] == Phase.PAUSED)
    assert "mode Advise leaves the rollback to you" in status["paused"]["message"]
    say(stage, "abort")
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert status["history"][-1]["by"].endswith(" as tester")
    eventually(lambda: stage.weights() == {"1": 100})
