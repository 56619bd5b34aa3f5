"""The central tick: what is read, written and carried out, and in which order."""

from __future__ import annotations

import threading

import pytest

from headrace.api import (
    ModelRollout,
    Phase,
)
from headrace.controller.asking import local_envoy
from headrace.controller.fleet import Fleet
from headrace.engine.observations import Ask, Wish, World
from headrace.engine.plan import Plan
from headrace.testing import FakePlatform
from tests.unit.controller.bench import (
    START,
    Eyes,
    Hands,
    live,
    named,
    under_test,
)


def test_a_better_version_is_promoted_and_a_worse_one_rolled_back() -> None:
    bench = live(2)
    bench.want("2", 0)
    bench.want("2", 1)
    bench.cluster.scripts["models/flight-1"].candidate_errors = 0.2
    bench.until(Phase.ROLLED_BACK, 1)
    bench.until(Phase.HEALTHY, 0)
    assert bench.status(0).stable == named("2", 0).spec.model
    assert bench.status(1).stable == named("1", 1).spec.model


def test_all_rollouts_of_an_interval_are_asked_for_at_once() -> None:
    bench = live(3)
    for index in range(3):
        bench.want("2", index)
        bench.now += 4
        bench.tick()
    bench.cluster.asked.clear()
    bench.now = START + 15 * 1000
    bench.tick()
    asked = [sorted(together) for together in bench.cluster.asked]
    assert asked == [["models/flight-0", "models/flight-1", "models/flight-2"]]


def test_a_change_of_the_world_is_looked_at_without_asking_for_numbers() -> None:
    bench = live()
    bench.want("2")
    bench.slots(2)
    asked = len(bench.cluster.asked)
    bench.now += 1
    bench.tick("models/flight-0")
    assert len(bench.cluster.asked) == asked


def test_what_is_decided_is_written_before_it_is_done() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.shelf.log.clear()
    bench.until(Phase.PROMOTING)
    raised = [line for line in bench.shelf.log if line in ("write Progressing 5", "apply 5")]
    assert raised[:2] == ["write Progressing 5", "apply 5"]


def test_evidence_alone_is_written_at_most_once_a_minute() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.slots(1)
    before, step = bench.shelf.writes, bench.status().step
    bench.slots(3)
    assert bench.status().step == step
    assert bench.shelf.writes - before <= 1


def test_at_rest_nothing_is_written() -> None:
    bench = live()
    before = bench.shelf.writes
    bench.slots(40)
    assert bench.shelf.writes == before


def test_a_status_that_cannot_be_written_decides_nothing() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.shelf.down = "the API server does not answer"
    bench.shelf.log.clear()
    bench.slots(40)
    assert not [line for line in bench.shelf.log if line.startswith("write")]
    assert bench.cluster.of("models/flight-0").traffic == bench.status().weights.asked
    bench.shelf.down = ""
    bench.until(Phase.HEALTHY)


def test_a_controller_that_no_longer_leads_writes_and_applies_nothing() -> None:
    bench = live()
    bench.want("2")
    bench.leads = False
    bench.shelf.log.clear()
    bench.slots(20)
    assert bench.shelf.log == []


def test_a_person_is_heard_once() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.shelf.put(named("2", 0), Ask(Wish.ABORT, "one", "ada"))
    bench.until(Phase.ROLLED_BACK)
    bench.shelf.put(named("2", 0), Ask(Wish.RETRY, "two", "ada"))
    bench.until(Phase.PROGRESSING)
    assert [entry.by for entry in bench.status().history] == ["headrace", "ada"]


def test_a_fault_of_ours_in_one_rollout_leaves_the_others_judged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = live(2)

    class Broken(FakePlatform):
        def observe(self, rollout: ModelRollout) -> World:
            raise RuntimeError("a fault of ours")

    bench.cluster.platforms["models/flight-0"] = Broken()
    bench.want("2", 1)
    bench.until(Phase.HEALTHY, 1)
    assert "models/flight-0 could not be judged" in caplog.text


def test_a_rollout_that_was_deleted_is_forgotten() -> None:
    bench = live(2)
    del bench.shelf.kept["models/flight-0"]
    bench.slots(1)
    assert set(bench.fleet.members) == {"models/flight-1"}


def test_ten_minutes_without_prometheus_roll_none_of_fifty_healthy_ones_back() -> None:
    bench = live(50)
    for index in range(50):
        bench.want("2", index)
    bench.slots(6)
    under_way = [bench.status(index).weights.asked for index in range(50)]
    bench.cluster.outage = "nobody answers at http://prometheus:9090"
    bench.slots(40)
    assert {bench.status(index).phase for index in range(50)} == {Phase.PROGRESSING}
    assert [bench.status(index).weights.asked for index in range(50)] == under_way
    bench.cluster.outage = ""
    bench.slots(60)
    assert {bench.status(index).phase for index in range(50)} == {Phase.HEALTHY}
    assert {bench.status(index).history[-1].outcome for index in range(50)} == {"Promoted"}


def test_what_could_not_be_written_at_rest_is_tried_again_within_seconds() -> None:
    bench = live()
    bench.shelf.down = "the API server does not answer"
    bench.want("2")
    again = bench.tick()
    assert bench.status().phase is Phase.HEALTHY
    bench.shelf.down = ""
    assert bench.tick() <= bench.now + 1
    bench.now += 1
    bench.tick()
    assert bench.status().phase is Phase.PROGRESSING
    assert again >= bench.now - 1


def test_what_cannot_be_written_for_long_is_tried_ever_less_often() -> None:
    bench = live()
    bench.shelf.down = "the API server does not answer"
    bench.want("2")
    pauses = []
    for _ in range(8):
        bench.tick()
        pauses.append(bench.tick() - bench.now)
        bench.now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15


def test_what_changes_while_a_rollout_is_carried_out_is_looked_at_right_after_it() -> None:
    bench = live()
    bench.want("2")
    entered, leave, woken = threading.Event(), threading.Event(), threading.Event()
    looks: list[str] = []

    class Slow(Hands):
        def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
            changed = super().apply(rollout, plan)
            entered.set()
            leave.wait(60)
            return changed

    fleet = Fleet(
        bench.shelf,
        Eyes(bench.cluster),
        Slow(bench.cluster),
        counters_of=local_envoy,
        on_tick=lambda rollout, answer: looks.append(rollout.key),
        wake=woken.set,
    )
    fleet.tick(bench.now + 15)
    assert entered.wait(60)
    fleet.tick(bench.now + 15.1, ["models/flight-0"])
    leave.set()
    assert woken.wait(60)
    before = len(looks)
    fleet.tick(bench.now + 15.2)
    fleet.close()
    assert len(looks) > before


def test_what_waits_for_the_end_of_a_rollout_begins_at_once() -> None:
    bench = under_test()
    bench.want("3")
    bench.until(Phase.HEALTHY)
    assert bench.status().history[-1].outcome == "Superseded"
    bench.tick()
    candidate = bench.status().candidate
    assert candidate is not None
    assert candidate.version == "3"
