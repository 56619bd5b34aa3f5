"""Statuses that somebody else has written, and specs that are not valid."""

from __future__ import annotations

import pytest

from headrace.api import (
    Condition,
    Phase,
    Status,
    Traffic,
)
from headrace.controller.resources import Resource, Unreadable
from headrace.engine.observations import Ask, Wish
from tests.unit.controller.bench import (
    START,
    Bench,
    live,
    named,
    under_test,
)
from tests.unit.engine.rollouts import rollout


def test_what_another_controller_wrote_into_the_status_counts() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    other = bench.status().model_copy(update={"step": 2, "writes": bench.status().writes + 1})
    bench.shelf.write(kept, other)
    bench.slots(1)
    assert bench.fleet.members["models/flight-0"].status.step == 2
    assert bench.undone == []


@pytest.mark.parametrize("written", ["nothing", "something older", "something else"])
def test_what_anybody_else_wrote_into_the_status_is_put_back(written: str) -> None:
    bench = live()
    older = bench.status()
    bench.want("2")
    while bench.status().weights.asked.candidate < 25:
        bench.slots(1)
    right = bench.status()
    other = {
        "nothing": Status(),
        "something older": older,
        "something else": right.model_copy(update={"stable": right.candidate, "history": []}),
    }
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    bench.shelf.write(kept, other[written])
    bench.slots(1)
    back = bench.status()
    assert (back.stable, back.candidate, back.history) == (
        right.stable,
        right.candidate,
        right.history,
    )
    assert back.writes > right.writes
    assert bench.undone == ["models/flight-0"]
    bench.until(Phase.HEALTHY)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "Promoted"]
    assert bench.undone == ["models/flight-0"]


def test_a_status_that_nobody_can_read_any_more_is_put_back() -> None:
    bench = under_test()
    right = bench.status()
    key = "models/flight-0"
    bench.shelf.writes += 1
    bench.shelf.kept[key] = Unreadable(key, str(bench.shelf.writes), "the status cannot be read")
    bench.tick()
    assert (bench.status().candidate, bench.status().history) == (right.candidate, right.history)
    assert bench.undone == [key]
    bench.until(Phase.HEALTHY)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "Promoted"]


def junk(bench: Bench) -> None:
    """Have a status that nobody can read, found by a controller that knows nothing of before."""
    key = "models/flight-0"
    bench.shelf.writes += 1
    bench.shelf.kept[key] = Unreadable(key, str(bench.shelf.writes), "the status cannot be read")
    bench.restart()


def test_a_status_that_nobody_can_read_is_told_and_changes_nothing() -> None:
    bench = under_test()
    junk(bench)
    platform = bench.cluster.of("models/flight-0")
    plans = list(platform.plans)
    bench.shelf.log.clear()
    bench.slots(20)
    assert bench.refused == [("models/flight-0", "StatusUnreadable")]
    assert dict(bench.fleet.refused) == {"models/flight-0": "the status cannot be read"}
    assert bench.shelf.log == ["complain"]
    assert platform.plans == plans
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Unreadable)
    said = {each.type: (each.status, each.reason, each.message) for each in kept.conditions}
    assert said["Stalled"] == ("True", "StatusUnreadable", "the status cannot be read")


def test_all_others_go_on_beside_a_status_that_nobody_can_read() -> None:
    bench = live(2)
    junk(bench)
    bench.want("2", 1)
    bench.until(Phase.PROGRESSING, 1)
    bench.until(Phase.HEALTHY, 1)
    assert bench.status(1).stable == named("2", 1).spec.model


def test_what_cannot_be_said_in_the_status_now_is_said_later() -> None:
    bench = under_test()
    junk(bench)
    bench.shelf.down = "the API server does not answer"
    bench.slots(2)
    bench.shelf.down = ""
    bench.slots(1)
    assert bench.shelf.log[-1] == "complain"
    assert len(bench.refused) == 1


def test_a_status_that_is_in_order_again_is_refused_no_longer() -> None:
    bench = under_test()
    right = bench.status()
    junk(bench)
    bench.slots(2)
    one = named("2", 0).model_copy(update={"status": right})
    bench.shelf.kept[one.key] = Resource(one, "in order")
    bench.until(Phase.HEALTHY)
    assert bench.fleet.refused == {}
    assert bench.status().stable == named("2", 0).spec.model


def test_a_status_without_a_version_costs_a_restarted_controller_no_minute() -> None:
    bench = live()
    bench.want("2")
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    bench.shelf.write(kept, Status())
    bench.restart()
    for _ in range(3):
        bench.now += 1
        bench.tick()
    assert ("models/flight-0", "ServingVersionAdopted") in bench.told
    status = bench.status()
    assert (status.stable, status.candidate) == (named("1", 0).spec.model, named("2", 0).spec.model)
    bench.until(Phase.HEALTHY)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "Promoted"]


def test_a_rollout_that_is_made_anew_at_once_has_nothing_of_the_one_before_it() -> None:
    bench = live()
    anew = named("2", 0)
    metadata = type(anew.metadata).model_validate({**anew.metadata.model_dump(), "uid": "another"})
    bench.shelf.writes += 1
    bench.shelf.kept[anew.key] = Resource(
        anew.model_copy(update={"metadata": metadata}), str(bench.shelf.writes)
    )
    bench.cluster.of(anew.key).plans.clear()
    bench.tick()
    assert bench.undone == []
    assert bench.status().stable is None
    bench.until(Phase.HEALTHY)
    assert [(one.version, one.outcome) for one in bench.status().history] == [("2", "Live")]


CONTRADICTIONS: dict[str, dict[str, object]] = {
    "rolling back nothing": {"phase": Phase.ROLLING_BACK, "candidate": None},
    "promoting nothing": {"phase": Phase.PROMOTING, "candidate": None},
    "waiting with nothing": {"phase": Phase.PAUSED, "candidate": None},
    "promoting for no reason": {"phase": Phase.PROMOTING},
    "rolling back for no reason": {"phase": Phase.ROLLING_BACK},
    "at rest, and under test": {"phase": Phase.HEALTHY},
    "beside itself": {"candidate": rollout("1").spec.model},
}


@pytest.mark.parametrize("changed", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_controller_without_memory_that_finds_a_contradiction_keeps_users_and_asks(
    changed: dict[str, object],
) -> None:
    bench = under_test()
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    bench.shelf.write(kept, bench.status().model_copy(update=changed))
    bench.restart()
    bench.told.clear()
    bench.slots(10)
    status = bench.status()
    assert (status.phase, status.candidate) == (Phase.ROLLED_BACK, None)
    assert status.stable == named("1", 0).spec.model
    assert bench.cluster.of("models/flight-0").traffic == Traffic(stable=100)
    assert ("models/flight-0", "StatusContradictory") in bench.told
    assert status.decision is not None
    assert "headrace retry" in status.decision.message
    bench.shelf.put(named("2", 0), Ask(Wish.RETRY, "one", "ada"))
    bench.until(Phase.HEALTHY)
    assert bench.status().stable == named("2", 0).spec.model


def test_a_condition_of_somebody_else_stays_and_undoes_nothing() -> None:
    bench = live()
    theirs = Condition(
        type="Audited",
        status="True",
        reason="Seen",
        message="ada has seen it",
        last_transition_time=START,
    )

    def audited() -> bool:
        return theirs in bench.status().conditions

    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    conditions = [*bench.status().conditions, theirs]
    bench.shelf.write(kept, bench.status().model_copy(update={"conditions": conditions}))
    bench.slots(1)
    bench.want("2")
    bench.until(Phase.PROMOTING)
    assert audited()
    bench.until(Phase.HEALTHY)
    assert audited()
    assert bench.undone == []


def test_an_invalid_spec_leaves_everything_as_it_is_and_says_so_once() -> None:
    bench = under_test()
    platform = bench.cluster.of("models/flight-0")
    bench.shelf.spoil("models/flight-0", "spec.strategy: has none of them", 9)
    bench.shelf.log.clear()
    plans = list(platform.plans)
    bench.slots(20)
    assert bench.shelf.log == ["refuse Invalid"]
    assert bench.refused == [("models/flight-0", "InvalidSpec")]
    assert platform.plans == plans
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Unreadable)
    assert kept.status is not None
    assert (kept.status.phase, kept.status.interrupted) == (Phase.INVALID, Phase.PROGRESSING)
    assert kept.status.observed_generation == 9
    stalled = next(c for c in kept.status.conditions if c.type == "Stalled")
    assert (stalled.status, stalled.message) == ("True", "spec.strategy: has none of them")


def test_a_spec_that_is_valid_again_goes_on_where_it_was() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "spec.strategy: has none of them", 9)
    bench.slots(3)
    bench.want("2")
    bench.tick()
    assert bench.status().phase is Phase.PROGRESSING
    bench.until(Phase.PROMOTING)
    assert all(c.reason != "InvalidSpec" for c in bench.status().conditions)


def test_another_fault_of_an_invalid_spec_is_said_too() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "one fault", 9)
    bench.slots(2)
    bench.shelf.spoil("models/flight-0", "another fault", 10)
    bench.slots(2)
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Unreadable)
    assert kept.status is not None
    assert kept.status.interrupted is Phase.PROGRESSING
    assert {c.message for c in kept.status.conditions if c.type == "Stalled"} == {"another fault"}


def test_what_is_invalid_is_said_later_where_it_cannot_be_written_now() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "one fault", 9)
    bench.shelf.down = "the API server does not answer"
    bench.slots(2)
    bench.shelf.down = ""
    bench.slots(1)
    assert bench.shelf.log[-1] == "refuse Invalid"
