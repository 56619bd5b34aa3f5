"""Freezes and gates hold, and neither promotes nor rolls back; a rollback passes them."""

from __future__ import annotations

import pytest

from headrace.api import Before, Freeze, Gate, Phase, Traffic
from headrace.engine.decision import Action, Tick
from headrace.engine.gates import GateAnswer, Opening, Question
from headrace.engine.observations import Wish
from tests.unit.engine.rollouts import World, live

ALWAYS = [Freeze(schedule="* * * * *", duration=3600.0)]
STABLE = Traffic(stable=100)
STEPS = "[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]"


def gates(*befores: Before) -> list[Gate]:
    return [Gate(name=f"g-{b.lower()}", url="https://gate.example.com", before=b) for b in befores]


def ticks(world: World, count: int) -> list[Tick]:
    return [world.tick() for _ in range(count)]


class TestAFreeze:
    def test_lets_no_rollout_begin_and_says_until_when(self) -> None:
        world = live()
        world.edit(freeze=ALWAYS)
        world.want("2")
        for answer in ticks(world, 20):
            assert answer.decision.reason == "Frozen"
            assert answer.plan.candidate is None
        assert answer.decision.message.startswith("frozen until at least ")
        assert "flight-delay 2 starts beside 1" in answer.decision.message
        world.edit(freeze=[])
        world.until("ProvedSafe")

    def test_lets_no_first_version_begin(self) -> None:
        world = World(live().rollout.model_copy(update={"status": live().status.__class__()}))
        world.edit(freeze=ALWAYS)
        assert world.tick().decision.reason == "Frozen"
        assert world.status.phase is Phase.IDLE
        world.edit(freeze=[])
        world.until("Live")

    def test_lets_no_weight_rise_while_judging_goes_on(self) -> None:
        world = live(steps=STEPS)
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS)
        world.until("Frozen")
        before = world.status.checks[0].candidate_samples
        for answer in ticks(world, 40):
            assert answer.plan.traffic == Traffic(stable=95, candidate=5)
        assert world.status.checks[0].candidate_samples > before

    def test_promotes_nothing(self) -> None:
        world = live(steps="[{weight: 50, hold: 60s}]")
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS)
        for answer in ticks(world, 100):
            assert answer.decision.action is Action.HOLD
        assert answer.decision.reason == "Frozen"
        assert "every required check is proved" in answer.decision.message

    def test_does_not_use_up_the_time_of_the_rollout(self) -> None:
        world = live(steps=STEPS, more=", maxDuration: 20m")
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS)
        ticks(world, 300)
        world.edit(freeze=[])
        assert world.until("ProvedSafe", "Inconclusive").decision.reason == "ProvedSafe"

    def test_lets_a_rollback_pass(self) -> None:
        world = live(steps=STEPS)
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS)
        world.metrics.script.candidate_errors = 0.4
        assert world.until("ErrorRateWorse").plan.traffic == STABLE

    def test_gives_no_traffic_to_servers_that_come_up_in_it(self) -> None:
        world = live(steps=STEPS)
        world.platform.slow = True
        world.want("2")
        world.until("RolloutStarts")
        world.edit(freeze=ALWAYS)
        world.platform.slow = False
        for answer in ticks(world, 10):
            assert answer.plan.traffic == STABLE
        world.edit(freeze=[])
        assert world.tick().plan.traffic == Traffic(stable=95, candidate=5)

    def test_keeps_the_weights_of_a_bandit(self) -> None:
        world = live(
            strategy="bandit: {reward: reward, update: 30s, stop: {expectedLoss: 0.0000001}}"
        )
        world.metrics.script.rewards = {"1": 0.30, "2": 0.28}
        world.want("2")
        world.until("Learning")
        before = ticks(world, 4)[-1].plan.traffic
        world.edit(freeze=ALWAYS)
        world.metrics.script.rewards = {"1": 0.1, "2": 0.9}
        for answer in ticks(world, 20):
            assert answer.plan.traffic == before
        assert answer.decision.reason == "Frozen"
        world.edit(freeze=[])
        assert world.tick().plan.traffic.candidate > before.candidate

    def test_holds_an_approval_back_until_it_is_over(self) -> None:
        world = live(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
        world.want("2")
        world.until("WaitingForApproval")
        world.edit(freeze=ALWAYS)
        answer = world.ask(Wish.PROMOTE)
        assert answer.decision.reason == "Frozen"
        assert "ada approved" in answer.decision.message
        assert world.status.wishes == []

    def test_is_no_reason_to_wait_for_who_says_full(self) -> None:
        world = live(steps=STEPS)
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS, gates=gates(Before.PROMOTION))
        assert world.ask(Wish.PROMOTE_FULL).plan.traffic == Traffic(candidate=100)
        world.until("Live")
        assert world.status.history[-1].by == "ada"


class TestAGate:
    @pytest.mark.parametrize(
        ("before", "stays"),
        [
            pytest.param(Before.ROLLOUT, STABLE, id="before a rollout"),
            pytest.param(Before.STEP, Traffic(stable=95, candidate=5), id="before a step"),
            pytest.param(Before.PROMOTION, Traffic(stable=50, candidate=50), id="before the end"),
        ],
    )
    @pytest.mark.parametrize(
        ("opening", "reason"),
        [
            pytest.param(None, "GateAsked", id="no answer yet"),
            pytest.param(Opening.CLOSED, "GateClosed", id="closed"),
            pytest.param(Opening.UNKNOWN, "GateUnknown", id="unknown"),
        ],
    )
    def test_holds_until_it_opens(
        self, before: Before, stays: Traffic, opening: Opening | None, reason: str
    ) -> None:
        world = live(steps=STEPS)
        world.edit(gates=gates(before))
        name = f"g-{before.lower()}"
        world.openings = {} if opening is None else {name: opening}
        world.want("2")
        world.until(reason)
        for answer in ticks(world, 100):
            assert answer.plan.traffic == stays
            assert answer.decision.reason == reason
            assert [question.gate for question in answer.questions] == [name]
            assert f"gate {name}" in answer.decision.message
        world.openings = {name: Opening.OPEN}
        world.until("ProvedSafe")

    def test_is_asked_only_when_nothing_else_is_in_the_way(self) -> None:
        world = live(steps=STEPS)
        world.edit(gates=gates(Before.STEP, Before.PROMOTION))
        world.openings = dict.fromkeys(("g-step", "g-promotion"), Opening.OPEN)
        world.want("2")
        asked: list[Question] = []
        while world.status.phase is not Phase.PROMOTING:
            asked += world.tick().questions
        assert [(q.gate, q.step, q.version) for q in asked] == [
            ("g-step", 1, "2"),
            ("g-promotion", 1, "2"),
        ]
        assert asked[0].traffic == Traffic(stable=50, candidate=50)
        assert asked[0].reason == "StepHeld"

    def test_that_opened_for_one_step_is_asked_again_for_the_next(self) -> None:
        world = live(
            steps="[{weight: 5, hold: 60s}, {weight: 20, hold: 60s}, {weight: 50, hold: 60s}]"
        )
        world.edit(gates=gates(Before.STEP))
        world.want("2")
        (first,) = world.until("GateAsked").questions
        world.openings = {"g-step": Opening.OPEN}
        world.until("StepHeld")
        world.openings = {}
        kept = GateAnswer(first, Opening.OPEN, "yes")
        for _ in range(40):
            world.answers = {"g-step": kept}
            answer = world.tick()
        assert answer.decision.reason == "GateAsked"
        assert answer.plan.traffic == Traffic(stable=80, candidate=20)

    def test_says_which_one_is_closed_among_several(self) -> None:
        world = live(steps=STEPS)
        both = [Gate(name=n, url="https://g.example.com", before=Before.STEP) for n in ("a", "b")]
        world.edit(gates=both)
        world.openings = {"a": Opening.UNKNOWN, "b": Opening.CLOSED}
        world.want("2")
        message = world.until("GateClosed").decision.message
        assert message.startswith("gate b: it says so; what waits: ")

    def test_does_not_hold_a_rollback(self) -> None:
        world = live(steps=STEPS)
        world.edit(gates=gates(Before.STEP))
        world.want("2")
        world.until("GateAsked")
        world.metrics.script.candidate_errors = 0.4
        assert world.until("ErrorRateWorse").plan.traffic == STABLE

    def test_is_not_asked_in_a_freeze(self) -> None:
        world = live(steps=STEPS)
        world.edit(gates=gates(Before.STEP), freeze=ALWAYS)
        world.edit(freeze=[])
        world.want("2")
        world.until("StepHolds")
        world.edit(freeze=ALWAYS)
        assert world.until("Frozen").questions == ()

    def test_makes_a_person_wait_too_but_not_one_who_says_full(self) -> None:
        world = live(strategy="shadow: {hold: 60s, then: Pause}")
        world.edit(gates=gates(Before.PROMOTION))
        world.openings = {"g-promotion": Opening.CLOSED}
        world.want("2")
        world.until("ShadowHeld")
        world.ask(Wish.PROMOTE)
        assert world.ask(Wish.PROMOTE).decision.reason == "GateClosed"
        assert world.ask(Wish.PROMOTE_FULL).decision.reason == "PromotedByPerson"
