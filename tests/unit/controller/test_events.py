"""What becomes an Event, with which name and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from headrace.api import Condition, DecisionStatus, ModelRollout, Phase
from headrace.controller.events import LONGEST, TRIES, Events
from headrace.controller.resources import Unreadable
from headrace.engine.decision import Action, Decision
from headrace.errors import Conflict, PlatformUnavailable
from tests.unit.engine.rollouts import live

NOW = 1_000_000.0


@dataclass
class Kept:
    """Events in memory, each name once; the first few requests may fail."""

    failing: int = 0
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        if self.failing:
            self.failing -= 1
            raise PlatformUnavailable("the API server does not answer")
        name = manifest["metadata"]["name"]
        if name in self.events:
            raise Conflict("there is one")
        self.events[name] = manifest
        return manifest

    def told(self) -> list[tuple[str, str]]:
        return [(event["type"], event["reason"]) for event in self.events.values()]


def under_test() -> ModelRollout:
    world = live()
    world.want("2")
    world.until("StepHeld")
    return world.rollout


def with_forecast(rollout: ModelRollout, truth: str) -> ModelRollout:
    forecast = Condition.model_validate(
        {
            "type": "Provable",
            "status": truth,
            "reason": "ProvableInTime" if truth == "True" else "NotProvableInTime",
            "message": "errors: proved in about 12 minutes",
            "lastTransitionTime": NOW,
        }
    )
    conditions = [c for c in rollout.status.conditions if c.type != "Provable"]
    status = rollout.status.model_copy(update={"conditions": [*conditions, forecast]})
    return rollout.model_copy(update={"status": status})


def test_a_decision_that_is_told_again_after_a_crash_makes_no_second_event() -> None:
    kept, rollout = Kept(), under_test()
    decision = Decision(Action.ROLL_BACK, "MoreErrors", "14 of 812")
    for _ in range(2):
        events = Events(kept, "one")
        events.decided(rollout, rollout.status, decision, NOW)
        events.close()
    assert kept.told() == [("Warning", "MoreErrors")]


def test_a_rollback_is_told_once_and_blames_nobody_else_when_it_has_ended() -> None:
    world, kept = live(), Kept()
    world.metrics.script.candidate_errors = 0.2
    world.want("2")
    events = Events(kept, "one")
    for _ in range(100):
        answer = world.tick()
        events.decided(world.rollout, answer.status, answer.decision, world.clock.now)
    events.close()
    assert world.status.phase is Phase.ROLLED_BACK
    told = [event["message"] for event in kept.events.values()]
    assert sum(event["type"] == "Warning" for event in kept.events.values()) == 1
    assert all(message.startswith("flight-delay 2: ") for message in told)


def test_what_cannot_be_read_is_told_once_for_each_fault_whoever_leads() -> None:
    kept = Kept()
    for message in ("no steps", "no steps", "no model"):
        events = Events(kept, "one")
        events.refused(Unreadable("models/flight", "7", message, uid="u-1"), NOW)
        events.close()
    assert kept.told() == [("Warning", "StatusUnreadable")] * 2
    event = next(iter(kept.events.values()))
    about = event["involvedObject"]
    assert (about["kind"], about["namespace"], about["name"], about["uid"]) == (
        "ModelRollout",
        "models",
        "flight",
        "u-1",
    )


def test_a_hold_whose_sentence_tells_the_time_makes_no_second_event_after_a_crash() -> None:
    kept, rollout = Kept(), under_test()
    decided = DecisionStatus(action=Action.HOLD, reason="NoData", message="", time=NOW - 300.0)
    status = rollout.status.model_copy(update={"decision": decided})
    for seconds in (303, 318):
        events = Events(kept, "one")
        decision = Decision(Action.HOLD, "NoData", f"nothing seen in {seconds} s")
        events.decided(rollout, status, decision, NOW)
        events.close()
    assert kept.told() == [("Normal", "NoData")]


@pytest.mark.parametrize(("truth", "kind"), [("True", "Normal"), ("False", "Warning")])
def test_what_a_rollout_can_prove_is_told_once(truth: str, kind: str) -> None:
    kept, rollout = Kept(), with_forecast(under_test(), truth)
    events = Events(kept, "one")
    for _ in range(3):
        events.foreseen(rollout)
    events.close()
    assert [told for told, _ in kept.told()] == [kind]


def test_nothing_is_foreseen_where_nothing_is_known() -> None:
    kept, rollout = Kept(), with_forecast(under_test(), "Unknown")
    events = Events(kept, "one")
    events.foreseen(rollout)
    events.close()
    assert kept.told() == []


def test_an_event_is_tried_again_and_given_up_at_last() -> None:
    rollout = under_test()
    for failing, told in ((TRIES - 1, 1), (TRIES, 0)):
        kept = Kept(failing)
        events = Events(kept, "one")
        events.happened(rollout, "EditUndone", "somebody changed it", NOW)
        events.close()
        assert len(kept.events) == told


def test_a_long_sentence_is_cut_as_the_api_server_wants_it() -> None:
    kept, rollout = Kept(), under_test()
    events = Events(kept, "one")
    events.happened(rollout, "EditUndone", "x" * 3000, NOW)
    events.close()
    (event,) = kept.events.values()
    assert len(event["message"]) == LONGEST
