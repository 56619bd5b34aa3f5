"""Users whom the numbers take from a candidate are back before any status says so."""

from __future__ import annotations

import threading

import pytest

from headrace.api import ModelRollout, Phase, Traffic
from headrace.controller import carrying
from headrace.controller.resources import Resource
from headrace.engine.observations import Ask, Wish
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from tests.unit.controller.bench import START, Bench, Hands, Killed, live, named, under_test

KEY = "models/flight-0"
STABLE, LOW = Traffic(stable=100), Traffic(stable=95, candidate=5)


def turned_bad() -> Bench:
    """Give one whose candidate has users and is bad, which nobody has read yet."""
    bench = under_test()
    bench.cluster.scripts[KEY].candidate_errors = 0.9
    bench.shelf.log.clear()
    return bench


def all_with_users(count: int) -> Bench:
    """Give several whose candidates have users and are bad, which nobody has read yet."""
    bench = live(count)
    for index in range(count):
        bench.want("2", index)
    while any(platform.traffic != LOW for platform in bench.cluster.platforms.values()):
        bench.slots(1)
    for script in bench.cluster.scripts.values():
        script.candidate_errors = 0.9
    return bench


def carried(bench: Bench) -> list[Traffic]:
    """Give what the router has carried, in order."""
    return [plan.traffic for plan in bench.cluster.of(KEY).plans]


def test_users_are_taken_back_before_it_is_written() -> None:
    bench = turned_bad()
    bench.until(Phase.ROLLING_BACK)
    back = bench.shelf.log.index("apply 0")
    assert bench.shelf.log[back + 1] == "write RollingBack 0"
    assert bench.told[-1] == (KEY, "ErrorRateWorse")


def test_of_a_fleet_all_are_taken_back_before_the_first_is_written() -> None:
    bench = all_with_users(6)
    while bench.status().phase is not Phase.ROLLING_BACK:
        bench.shelf.log.clear()
        bench.slots(1)
    moves = [line for line in bench.shelf.log if line in ("apply 0", "write RollingBack 0")]
    assert moves[:6] == ["apply 0"] * 6


def test_a_route_that_is_not_answered_for_keeps_no_other_status_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "USERS_FIRST", 0.0)
    bench, leave = all_with_users(2), threading.Event()

    class Slow(Hands):
        def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
            if rollout.metadata.name == "flight-0":
                assert leave.wait(60)
            super().take_back(rollout, plan)

    bench.restart(Slow(bench.cluster))
    while bench.status(1).phase is not Phase.ROLLING_BACK:
        bench.now += 15
        bench.fleet.tick(bench.now)
        acting = bench.fleet.members["models/flight-1"].acting
        assert acting is not None
        acting.result(60)
    assert bench.status(0).phase is Phase.PROGRESSING
    leave.set()
    bench.until(Phase.ROLLED_BACK, 0)


def test_who_is_judged_anew_before_its_users_are_back_keeps_no_status_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "USERS_FIRST", 60.0)
    monkeypatch.setattr(carrying, "UNDER_WAY", 0.0)
    bench, leave = all_with_users(3), threading.Event()

    class Slow(Hands):
        def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
            assert leave.wait(60)
            super().take_back(rollout, plan)

    bench.restart(Slow(bench.cluster))
    # Two workers are held; the third rollout is called back at every tick.
    for _ in range(20):
        bench.now += 15
        bench.fleet.tick(bench.now)
    leave.set()
    bench.fleet.settle(20)
    assert {bench.status(index).phase for index in range(3)} == {Phase.ROLLING_BACK}


@pytest.mark.parametrize("wish", [Wish.ABORT, Wish.PROMOTE_FULL])
def test_what_a_person_asks_for_is_written_first(wish: Wish) -> None:
    bench = under_test()
    bench.shelf.log.clear()
    bench.shelf.put(named("2", 0), Ask(wish, "one", "ada"))
    bench.slots(1)
    assert bench.shelf.log[0].startswith("write")


def test_they_are_back_while_nothing_can_be_written_and_it_is_written_when_that_is_over() -> None:
    bench = turned_bad()
    bench.shelf.down = "the API server does not answer"
    bench.slots(20)
    assert bench.status().phase is Phase.PROGRESSING
    assert carried(bench)[-1] == STABLE
    assert carried(bench).count(LOW) == 1
    bench.shelf.down = ""
    bench.until(Phase.ROLLED_BACK)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "RolledBack"]
    assert carried(bench).count(LOW) == 1


def test_it_is_written_though_they_could_not_be_taken_back() -> None:
    bench = turned_bad()

    class Away(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            if plan.retreating:
                raise PlatformUnavailable("the gateway does not answer")
            return super().apply(rollout, plan)

    bench.restart(Away(bench.cluster))
    bench.until(Phase.ROLLING_BACK)
    assert carried(bench)[-1] == LOW
    bench.restart()
    bench.until(Phase.ROLLED_BACK)
    assert carried(bench)[-1] == STABLE


def touched(bench: Bench, **changes: object) -> None:
    """Have somebody change the resource just when users are back, so that its status is refused."""
    done = threading.Event()

    class Touching(Hands):
        def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
            super().take_back(rollout, plan)
            kept = bench.shelf.kept[KEY]
            if not done.is_set() and isinstance(kept, Resource):
                spec = kept.rollout.spec.model_copy(update=changes)
                bench.shelf.put(kept.rollout.model_copy(update={"spec": spec}))
                done.set()

    bench.restart(Touching(bench.cluster))
    while not done.is_set():
        bench.slots(1)
    assert bench.status().phase is Phase.PROGRESSING


def test_a_status_that_was_refused_is_written_at_the_next_look_without_numbers() -> None:
    bench = turned_bad()
    touched(bench)
    asked = len(bench.cluster.asked)
    bench.now += 0.3
    bench.tick()
    assert len(bench.cluster.asked) == asked
    assert bench.status().phase is Phase.ROLLING_BACK
    assert bench.told[-1] == (KEY, "ErrorRateWorse")
    assert carried(bench).count(LOW) == 1


def test_a_version_that_was_asked_for_meanwhile_comes_after_it() -> None:
    bench = turned_bad()
    touched(bench, model=named("3", 0).spec.model)
    bench.cluster.scripts[KEY].candidate_errors = 0.01
    bench.until(Phase.HEALTHY)
    outcomes = [(entry.version, entry.outcome) for entry in bench.status().history]
    assert outcomes == [("1", "Live"), ("2", "RolledBack"), ("3", "Promoted")]


def test_a_rollout_that_was_suspended_meanwhile_has_nobody_with_the_bad_version() -> None:
    bench = turned_bad()
    touched(bench, suspended=True)
    bench.slots(5)
    assert carried(bench)[-1] == STABLE
    assert bench.status().phase is Phase.ROLLING_BACK


def killed_between(bench: Bench) -> None:
    """Run until users are back, and kill the process before it can write that."""
    bench.shelf.life.left = 1
    with pytest.raises(Killed):
        bench.slots(20)
    bench.shelf.life.left = float("inf")
    assert bench.status().phase is Phase.PROGRESSING
    assert bench.status().weights.asked == LOW
    assert carried(bench)[-1] == STABLE
    bench.restart()


@pytest.mark.parametrize("blind", ["", "Prometheus is away", "the past is read in parts"])
@pytest.mark.parametrize("slots", [True, False], ids=["at a tick", "as something changes"])
def test_killed_before_it_is_written_it_is_decided_all_the_same(blind: str, slots: bool) -> None:
    bench = turned_bad()
    killed_between(bench)
    bench.cluster.outage = blind if blind.startswith("Prometheus") else ""
    bench.cluster.behind = 10 if blind.startswith("the past") else 0
    if slots:
        bench.slots(1)
    else:
        bench.now += 1
        bench.tick(KEY)
    assert bench.status().phase is Phase.ROLLING_BACK
    assert bench.told[-1] == (KEY, "ErrorRateWorse")
    bench.until(Phase.ROLLED_BACK)
    assert bench.status().history[-1].reason == "ErrorRateWorse"
    assert "the odds against chance" in bench.status().history[-1].message
    assert carried(bench).count(LOW) == 1


def test_one_that_is_deleted_and_looked_at_late_leaves_nobody_with_the_bad_version() -> None:
    bench = turned_bad()
    killed_between(bench)
    bench.shelf.delete(KEY, bench.now)
    bench.now += 400
    bench.slots(1)
    assert carried(bench)[-1] == STABLE


def test_the_same_version_can_be_tried_again_after_that() -> None:
    bench = turned_bad()
    killed_between(bench)
    bench.until(Phase.ROLLED_BACK)
    bench.cluster.scripts[KEY].candidate_errors = 0.01
    bench.shelf.put(named("2", 0), Ask(Wish.RETRY, "one", "ada"))
    bench.until(Phase.HEALTHY)
    assert bench.status().history[-1].outcome == "Promoted"


def test_a_fault_of_ours_on_the_way_back_keeps_nothing_from_being_written() -> None:
    bench = turned_bad()

    class Broken(Hands):
        def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
            raise KeyError("ours")

    bench.restart(Broken(bench.cluster))
    bench.until(Phase.ROLLING_BACK)
    assert carried(bench)[-1] == STABLE


def test_a_process_that_ends_writes_what_it_has_done() -> None:
    bench = turned_bad()
    for _ in range(20):
        bench.now += 15
        bench.fleet.tick(bench.now)
        # No pause between the tick and the end.
        bench.fleet.close()
        if carried(bench)[-1] == STABLE:
            break
        bench.restart()
    kept = bench.shelf.kept[KEY]
    assert isinstance(kept, Resource)
    assert kept.rollout.status.phase is Phase.ROLLING_BACK
    assert bench.now > START
