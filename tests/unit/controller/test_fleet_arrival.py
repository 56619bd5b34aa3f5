"""What comes of a plan is looked at where it was carried out, and by a tick only if it must be."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headrace.api import ModelRollout, Status, Traffic
from headrace.controller import carrying, fleet
from headrace.engine.plan import Plan
from tests.unit.controller.bench import Bench, Hands, live

KEY = "models/flight-0"
LOW = Traffic(stable=95, candidate=5)


def about_to_move() -> Bench:
    """Give one whose candidate gets its first users at the next slot."""
    ahead, bench = live(), live()
    for each in (ahead, bench):
        each.want("2")
    while True:
        ahead.slots(1)
        if ahead.cluster.of(KEY).traffic == LOW:
            break
        bench.slots(1)
    bench.woken = 0
    bench.told.clear()
    return bench


def known(bench: Bench) -> Status:
    """Give what the fleet knows, which may be ahead of what is written."""
    return bench.fleet.members[KEY].status


def test_that_users_have_moved_is_noted_at_once_and_calls_for_no_tick() -> None:
    bench = about_to_move()
    bench.now += 15
    again = bench.tick()
    assert known(bench).weights.seen == LOW
    assert known(bench).carried_since == pytest.approx(bench.now, abs=10)
    assert len(bench.told) == 1
    assert bench.woken == 0
    assert again == bench.now + 15


def test_it_is_not_written_before_there_is_more_to_say() -> None:
    bench = about_to_move()
    bench.now += 15
    bench.tick()
    assert bench.status().carried_since is None
    bench.slots(8)
    assert bench.status().carried_since is not None


def test_users_have_moved_when_they_did_and_not_when_it_was_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = about_to_move()
    clock = SimpleNamespace(passed=0.0)

    class Slow(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            clock.passed += 7.5
            return super().apply(rollout, plan)

    for module in (fleet, carrying):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.passed))
    bench.fleet = bench.restart(Slow(bench.cluster))
    bench.now += 15
    bench.tick()
    assert known(bench).carried_since == bench.now + 7.5


def test_what_is_more_than_users_who_moved_is_looked_at_by_a_tick() -> None:
    bench = about_to_move()
    bench.cluster.of(KEY).slow = True
    bench.now += 15
    bench.tick()
    assert bench.woken == 1
    assert known(bench).weights.asked == LOW
    assert known(bench).carried_since is None


def test_a_platform_that_cannot_be_looked_at_afterwards_is_looked_at_by_a_tick() -> None:
    bench = about_to_move()

    class GoneAfter(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            changed = super().apply(rollout, plan)
            self.cluster.of(rollout.key).down = "the API server is away"
            return changed

    bench.fleet = bench.restart(GoneAfter(bench.cluster))
    bench.now += 15
    bench.tick()
    assert bench.woken == 1
    assert bench.fleet.members[KEY].trouble == "the API server is away"
