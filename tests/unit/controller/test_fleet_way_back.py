"""Users that a candidate loses are back before any status says so, and nobody gets more by that."""

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
def test_only_users_of_a_candidate_that_loses_them_are_moved_unwritten(wish: Wish) -> None:
    bench = under_test()
    bench.shelf.log.clear()
    bench.shelf.put(named("2", 0), Ask(wish, "one", "ada"))
    bench.slots(1)
    first = bench.shelf.log[0]
    assert first == ("apply 0" if wish is Wish.ABORT else "write Promoting 100")


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


def test_a_spec_that_was_edited_meanwhile_is_what_counts_then() -> None:
    bench = turned_bad()

    class Editing(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            if plan.retreating:
                bench.shelf.put(named("3", 0))
            return super().apply(rollout, plan)

    bench.restart(Editing(bench.cluster))
    while carried(bench)[-1] == LOW:
        bench.slots(1)
    bench.restart()
    bench.until(Phase.HEALTHY)
    outcomes = [(entry.version, entry.outcome) for entry in bench.status().history]
    assert outcomes[:2] == [("1", "Live"), ("2", "Superseded")]
    assert carried(bench)[: carried(bench).index(STABLE, 3) + 1].count(LOW) == 1


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


def test_killed_before_it_is_written_it_decides_the_same_again_and_gives_nobody_more() -> None:
    bench = turned_bad()
    killed_between(bench)
    bench.until(Phase.ROLLED_BACK)
    assert bench.status().history[-1].reason == "ErrorRateWorse"
    assert carried(bench).count(LOW) == 1


@pytest.mark.parametrize("blind", ["Prometheus is away", "the past is read in parts"])
def test_killed_and_blind_after_that_it_gives_nobody_more_until_numbers_are_read(
    blind: str,
) -> None:
    bench = turned_bad()
    killed_between(bench)
    if blind == "Prometheus is away":
        bench.cluster.outage = "it does not answer"
    else:
        bench.cluster.behind = 10
    bench.slots(5)
    assert bench.status().phase is Phase.PROGRESSING
    assert carried(bench)[-1] == STABLE
    bench.cluster.outage, bench.cluster.behind = "", 0
    bench.until(Phase.ROLLED_BACK)
    assert carried(bench).count(LOW) == 1


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
