"""What people ask for: pause, resume, undo, promote, and who did what."""

from __future__ import annotations

import pytest

from headrace.api import OnDelete, Phase, Traffic
from headrace.engine.decision import Action
from headrace.engine.observations import Ask, VersionState, Wish
from headrace.engine.suspension import invalid
from tests.unit.engine.rollouts import World, live, rollout

STABLE = Traffic(stable=100)
FIVE = Traffic(stable=95, candidate=5)
STEPS = "[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]"
DOWN = VersionState(wanted=1, ready=0)


def trying(**keywords: str) -> World:
    """Give a world whose candidate has its first weight."""
    world = live(**({"steps": STEPS} | keywords))
    world.want("2")
    world.until("StepHolds")
    return world


def promoted(strategy: str = "canary: {steps: [{weight: 50, hold: 60s}]}") -> World:
    world = live(strategy=strategy)
    world.want("2")
    world.until("ProvedSafe")
    world.until("Live")
    return world


class TestAPause:
    def test_holds_the_traffic_however_long_it_lasts_and_goes_on_after_it(self) -> None:
        world = trying(more=", maxDuration: 15m")
        assert world.ask(Wish.PAUSE).decision.action is Action.PAUSE
        for _ in range(200):
            answer = world.tick()
            assert answer.plan.traffic == FIVE
        assert answer.decision.reason == "PausedByPerson"
        assert "ada said `headrace pause`" in answer.decision.message
        assert world.ask(Wish.RESUME).decision.reason == "Resumed"
        assert world.until("ProvedSafe", "Inconclusive").decision.reason == "ProvedSafe"

    def test_still_rolls_back_what_is_bad(self) -> None:
        world = trying()
        world.ask(Wish.PAUSE)
        world.metrics.script.candidate_errors = 0.4
        assert world.until("ErrorRateWorse").plan.traffic == STABLE

    def test_keeps_its_reason_when_data_was_missing_in_between(self) -> None:
        world = trying()
        world.ask(Wish.PAUSE)
        world.metrics.problem = "down"
        world.until("PrometheusUnavailable")
        world.metrics.problem = ""
        world.until("PausedByPerson")

    def test_is_ended_by_promote_without_promoting(self) -> None:
        world = trying()
        world.ask(Wish.PAUSE)
        assert world.ask(Wish.PROMOTE).decision.reason == "Resumed"
        assert world.status.phase is Phase.PROGRESSING

    def test_of_a_rollout_whose_time_is_up_gives_it_as_much_time_again(self) -> None:
        world = trying(more=", maxDuration: 10m")
        world.metrics.script.requests = 12.0
        world.until("Inconclusive")
        world.ask(Wish.RESUME)
        for _ in range(30):
            assert world.tick().decision.reason != "Inconclusive"
        world.metrics.script.requests = 600.0
        world.until("ProvedSafe")

    def test_an_approval_that_took_a_day_leaves_all_the_time(self) -> None:
        world = trying(
            steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]",
            more=", maxDuration: 30m",
        )
        world.until("WaitingForApproval")
        for _ in range(5760):
            world.platform.slow = True
            if world.clock.now > 1_000_000 + 86_400:
                break
            world.clock.advance(1000)
            world.tick()
        world.platform.slow = False
        world.ask(Wish.PROMOTE)
        assert world.until("ProvedSafe", "Inconclusive").decision.reason == "ProvedSafe"


class TestAPromotion:
    def test_without_an_approval_or_a_pause_does_nothing_and_says_what_would(self) -> None:
        world = trying()
        assert world.ask(Wish.PROMOTE).plan.traffic == FIVE
        assert world.status.wishes[-1].answer == (
            "nothing waited for a person; `headrace promote --full` skips what is left"
        )

    def test_in_full_skips_an_approval_and_all_steps_after_it(self) -> None:
        world = trying(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
        world.until("WaitingForApproval")
        assert world.ask(Wish.PROMOTE_FULL).plan.traffic == Traffic(candidate=100)
        world.until("Live")
        assert world.status.history[-1].message == (
            "ada said `headrace promote --full`, without further proof"
        )


class TestAnUndo:
    def test_is_instant_while_the_previous_version_is_kept(self) -> None:
        world = promoted("canary: {steps: [{weight: 50, hold: 60s}], keepPrevious: 1h}")
        answer = world.ask(Wish.UNDO)
        assert answer.decision.reason == "WentBack"
        assert answer.plan.stable is not None
        assert (answer.plan.stable.version, answer.plan.traffic) == ("1", STABLE)

    def test_starts_the_previous_version_first_where_it_is_gone(self) -> None:
        world = promoted()
        world.platform.states["1"] = DOWN
        answer = world.ask(Wish.UNDO)
        for _ in range(10):
            assert answer.decision.reason == "Undoing"
            assert [model.version for model in answer.plan.versions] == ["2", "1"]
            assert answer.plan.traffic == STABLE
            answer = world.tick()
        world.platform.states.clear()
        world.until("WentBack")
        for _ in range(6):
            world.tick()
        assert world.status.stable is not None
        assert world.status.stable.version == "1"
        assert world.status.phase is Phase.ROLLED_BACK
        entry = world.status.history[-1]
        assert (entry.version, entry.outcome, entry.by) == ("2", "RolledBack", "ada")

    def test_waits_for_all_servers_of_a_version_that_was_gone(self) -> None:
        world = promoted()
        world.platform.states["1"] = VersionState(wanted=2, ready=1)
        assert world.ask(Wish.UNDO).decision.reason == "Undoing"
        assert world.tick().decision.reason == "Undoing"

    def test_keeps_the_version_out_until_another_one_is_named(self) -> None:
        world = promoted()
        world.ask(Wish.UNDO)
        world.until("WentBack")
        for _ in range(30):
            assert world.tick().plan.stable == rollout("1").spec.model
        world.want("3")
        world.until("RolloutStarts")

    def test_is_given_up_when_the_servers_do_not_come_up(self) -> None:
        world = promoted()
        world.platform.states["1"] = DOWN
        world.ask(Wish.UNDO)
        answer = world.until("NotUndone")
        assert "cannot serve: its servers were not ready in time" in answer.decision.message
        assert world.until("Live").plan.versions == (rollout("2").spec.model,)

    def test_is_given_up_at_once_when_the_bundle_is_refused(self) -> None:
        world = promoted()
        world.platform.states["1"] = VersionState(1, 0, refused="DigestMismatch: its bytes differ")
        world.ask(Wish.UNDO)
        assert "its bytes differ" in world.until("NotUndone").decision.message

    def test_is_given_up_by_abort(self) -> None:
        world = promoted()
        world.platform.states["1"] = DOWN
        world.ask(Wish.UNDO)
        world.ask(Wish.ABORT)
        assert world.tick().decision.reason == "Live"
        assert world.status.previous is None

    def test_of_a_first_version_says_that_there_is_nothing_before_it(self) -> None:
        world = live()
        assert world.ask(Wish.UNDO).decision.reason == "Live"
        assert world.status.wishes[-1].answer == "there is no version to go back to"

    @pytest.mark.parametrize("until", ["StepHolds", "ProvedSafe"])
    def test_during_a_rollout_is_an_abort(self, until: str) -> None:
        world = live(steps=STEPS)
        world.want("2")
        world.until(until)
        assert world.ask(Wish.UNDO).decision.reason == "Aborted"


def test_every_wish_is_written_down_with_who_when_and_what_came_of_it() -> None:
    world = trying()
    for wish in (Wish.PAUSE, Wish.PAUSE, Wish.RESUME, Wish.ABORT):
        world.ask(wish)
    pause = "ada said `headrace pause`; nothing changes but by a rollback until `headrace resume`"
    assert [(w.wish, w.by, w.answer) for w in world.status.wishes] == [
        ("pause", "ada", pause),
        ("pause", "ada", "it was paused already"),
        ("resume", "ada", "ada said `headrace resume`"),
        ("abort", "ada", "ada said `headrace abort`"),
    ]
    assert world.status.wishes[0].time < world.status.wishes[-1].time


def test_only_the_last_wishes_are_kept() -> None:
    world = live()
    for _ in range(50):
        world.ask(Wish.PAUSE)
    assert len(world.status.wishes) == 20


def test_a_first_version_can_be_aborted() -> None:
    world = World(rollout("1"))
    world.platform.states["1"] = DOWN
    world.tick()
    world.tick()
    world.ask(Wish.ABORT)
    assert world.status.phase is Phase.ROLLED_BACK
    assert world.tick().plan.versions == ()


class TestASuspendedRollout:
    def test_changes_and_judges_nothing(self) -> None:
        world = trying()
        world.edit(suspended=True)
        world.metrics.script.candidate_errors = 0.9
        before = world.status
        for _ in range(50):
            answer = world.tick()
            assert (answer.decision.reason, answer.plan.traffic) == ("Suspended", FIVE)
        after = world.status
        assert (after.phase, after.step, after.checks) == (before.phase, before.step, before.checks)

    def test_never_uses_what_was_counted_meanwhile(self) -> None:
        world = trying()
        world.edit(suspended=True)
        world.metrics.script.candidate_errors = 0.9
        for _ in range(50):
            world.tick()
        world.edit(suspended=False)
        # What this tick reads began while it was suspended.
        assert world.tick().decision.reason != "ErrorRateWorse"
        world.metrics.script.candidate_errors = 0.01
        world.until("ProvedSafe")

    def test_keeps_what_people_ask_for_until_it_goes_on(self) -> None:
        world = trying()
        world.edit(suspended=True)
        ask = Ask(Wish.ABORT, "one", "ada")
        answer = world.tick(ask)
        assert "ada said `headrace abort`, which waits" in answer.decision.message
        assert world.status.wishes == []
        world.edit(suspended=False)
        assert world.tick(ask).decision.reason == "Aborted"

    def test_begins_nothing(self) -> None:
        world = live()
        world.edit(suspended=True)
        world.want("2")
        for _ in range(5):
            assert world.tick().plan.candidate is None
        world.edit(suspended=False)
        world.until("ProvedSafe")


class TestAnInvalidSpec:
    def test_leaves_the_rollout_where_it_was(self) -> None:
        world = trying()
        before = world.status
        said = invalid(before, "spec.strategy: has none of them", 7, world.clock.now)
        again = invalid(said, "spec.strategy: has none of them", 8, world.clock.now + 60)
        assert (again.phase, again.interrupted) == (Phase.INVALID, Phase.PROGRESSING)
        assert (again.weights, again.step, again.stable) == (
            before.weights, before.step, before.stable,
        )  # fmt: skip
        assert again.observed_generation == 8
        conditions = {c.type: c for c in again.conditions}
        assert conditions["Stalled"].status == "True"
        assert conditions["Stalled"].reason == "InvalidSpec"
        assert conditions["Ready"].status == "True"
        since = conditions["Stalled"].last_transition_time
        assert since == world.clock.now
        world.rollout = world.rollout.model_copy(update={"status": again})
        world.until("ProvedSafe")


class TestADeletion:
    def test_gives_all_users_to_stable_before_the_resource_may_go(self) -> None:
        world = trying()
        world.deleting = world.clock.now
        assert world.tick().plan.traffic == STABLE
        for _ in range(10):
            answer = world.tick()
            assert answer.plan.traffic == STABLE
            if answer.farewell:
                break
        assert answer.farewell
        assert [model.version for model in answer.plan.versions] == ["1"]

    def test_in_the_middle_of_a_promotion_goes_back(self) -> None:
        world = trying()
        world.until("ProvedSafe")
        world.deleting = world.clock.now
        assert world.tick().decision.reason == "Deleted"
        for _ in range(10):
            answer = world.tick()
        assert answer.farewell
        assert world.status.stable is not None
        assert world.status.stable.version == "1"

    def test_lets_go_of_a_version_that_was_kept(self) -> None:
        world = promoted("canary: {steps: [{weight: 50, hold: 60s}], keepPrevious: 1h}")
        world.deleting = world.clock.now
        answer = world.tick()
        assert answer.farewell
        assert [model.version for model in answer.plan.versions] == ["2"]

    def test_at_rest_does_not_wait_for_a_router_that_says_nothing(self) -> None:
        world = live()
        world.platform.slow, world.platform.traffic = True, None
        world.deleting = world.clock.now
        answer = world.tick()
        assert answer.farewell
        assert [model.version for model in answer.plan.versions] == ["1"]

    def test_of_everything_leaves_nothing_at_once(self) -> None:
        world = trying()
        world.edit(on_delete=OnDelete.DELETE)
        world.deleting = world.clock.now
        answer = world.tick()
        assert answer.farewell
        assert answer.plan.versions == ()

    def test_of_a_rollout_without_a_live_version_leaves_nothing(self) -> None:
        world = World(rollout("1"))
        world.platform.states["1"] = DOWN
        world.tick()
        world.deleting = world.clock.now
        answer = world.tick()
        assert answer.farewell
        assert answer.plan.versions == ()

    def test_does_not_wait_for_ever_for_a_stable_version_that_is_gone(self) -> None:
        world = trying()
        world.until("StepHolds")
        world.platform.states["1"] = DOWN
        world.deleting = world.clock.now
        answer = world.tick()
        assert not answer.farewell
        for _ in range(25):
            answer = world.tick()
        assert answer.farewell
        assert answer.plan.traffic == FIVE

    def test_goes_on_though_the_rollout_is_suspended(self) -> None:
        world = trying()
        world.edit(suspended=True)
        world.deleting = world.clock.now
        for _ in range(10):
            answer = world.tick()
        assert answer.farewell
        assert answer.plan.traffic == STABLE
