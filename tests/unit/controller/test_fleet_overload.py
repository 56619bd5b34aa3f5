"""A fleet that an API server keeps waiting: nothing stale is done, and nobody is forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from headrace.api import ModelRollout, Phase, Traffic
from headrace.controller import carrying, fleet
from headrace.engine.plan import Plan
from headrace.testing import FakePlatform
from tests.unit.controller.bench import Bench, live

KEYS = [f"models/flight-{index}" for index in range(3)]
LOW, HIGH = Traffic(stable=95, candidate=5), Traffic(stable=50, candidate=50)


@dataclass
class Held(FakePlatform):
    """Does what it is told, and answers when it may."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Event = field(default_factory=threading.Event)

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        changed = super().apply(rollout, plan)
        self.entered.release()
        assert self.leave.wait(60)
        return changed


def at_low() -> Bench:
    bench = live(3)
    for index in range(3):
        bench.want("2", index)
    while bench.cluster.of(KEYS[0]).traffic != LOW:
        bench.slots(1)
    return bench


def slots_at_low() -> int:
    bench, slots = at_low(), 0
    while bench.cluster.of(KEYS[0]).traffic != HIGH:
        bench.slots(1)
        slots += 1
    return slots


@dataclass
class Overload:
    """Three raises are decided; two are under way and do not end, and the third has not begun."""

    bench: Bench
    leave: threading.Event
    waiting: str

    @classmethod
    def begin(cls) -> Overload:
        bench, entered, leave = at_low(), threading.Semaphore(0), threading.Event()
        bench.slots(slots_at_low() - 1)
        platforms = bench.cluster.platforms
        for key in KEYS:
            platforms[key] = Held(platforms[key].plans, "", False, {}, LOW, entered, leave)
        bench.now += 15
        bench.fleet.tick(bench.now)
        for _ in range(2):
            assert entered.acquire(timeout=60)
        (waiting,) = (key for key in KEYS if platforms[key].traffic == LOW)
        return cls(bench, leave, waiting)

    @property
    def acting(self) -> Future[None]:
        acting = self.bench.fleet.members[self.waiting].acting
        assert acting is not None
        return acting


def test_a_raise_that_has_not_begun_is_dropped_for_newer_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "UNDER_WAY", 0.0)
    overload = Overload.begin()
    bench, key = overload.bench, overload.waiting
    bench.cluster.scripts[key].candidate_errors = 0.9
    platform = bench.cluster.platforms[key] = FakePlatform(
        bench.cluster.platforms[key].plans, traffic=LOW
    )
    bench.now += 15
    bench.fleet.tick(bench.now)
    # Both workers are still busy with a way forward.
    overload.acting.result(60)
    assert not overload.leave.is_set()
    assert platform.traffic == Traffic(stable=100, candidate=0)
    assert HIGH not in [plan.traffic for plan in platform.plans]
    overload.leave.set()
    bench.until(Phase.ROLLED_BACK, KEYS.index(key))


def test_all_numbers_are_read_together_and_who_waited_longest_is_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "UNDER_WAY", 60.0)
    overload = Overload.begin()
    bench, acting = overload.bench, overload.acting
    acting.add_done_callback(lambda _: overload.leave.set())
    bench.cluster.asked.clear()
    bench.now += 15
    bench.tick()
    assert acting.cancelled()
    (asked,) = bench.cluster.asked
    assert asked[0] == overload.waiting
    assert sorted(asked) == KEYS
    assert bench.cluster.of(overload.waiting).traffic == HIGH


def test_those_that_missed_the_reading_are_read_together_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying, "UNDER_WAY", 0.0)
    overload = Overload.begin()
    bench = overload.bench
    bench.cluster.asked.clear()
    bench.now += 15
    bench.fleet.tick(bench.now)
    overload.leave.set()
    bench.fleet.settle(60)
    again = bench.fleet.tick(bench.now + 0.5)
    assert bench.now + fleet.LATE <= again < bench.now + 15
    assert bench.cluster.asked == [(overload.waiting,)]
    bench.now = again
    bench.tick()
    assert sorted(bench.cluster.asked[1]) == sorted(set(KEYS) - {overload.waiting})
    assert len(bench.cluster.asked) == 2


def test_a_long_past_is_read_in_parts_without_waiting_for_the_next_turn() -> None:
    bench = live()
    bench.want("2")
    bench.slots(1)
    bench.cluster.behind = 3
    bench.cluster.asked.clear()
    bench.now += 15
    again = bench.tick()
    while len(bench.cluster.asked) < 4:
        assert bench.cluster.of(KEYS[0]).traffic == Traffic(stable=100)
        assert bench.now + fleet.LATE <= again < bench.now + 15
        bench.now = again
        again = bench.tick()
    assert again == bench.now - bench.now % 15 + 15
    assert bench.status().watermarks
