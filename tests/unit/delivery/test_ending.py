"""When a rollout has ended, as `headrace up`, the demo and whoever waits for it read it."""

from __future__ import annotations

import pytest

from headrace.delivery.ending import ending_of, has_ended, pause_of
from headrace.engine.observations import Wish
from tests.unit.engine.rollouts import World, live

APPROVED = "[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]"


def end(world: World) -> None:
    for _ in range(100):
        if has_ended(world.rollout):
            return
        world.tick()
    raise AssertionError("it does not end")


def outcome(world: World, version: str) -> str | None:
    ending = ending_of(world.rollout, version)
    return None if ending is None else ending.outcome


def test_a_version_that_was_named_just_now_has_not_ended() -> None:
    world = live()
    assert (outcome(world, "1"), has_ended(world.rollout)) == ("Promoted", True)
    world.want("2")  # the phase and the condition are still those of version 1
    assert outcome(world, "2") is None
    assert outcome(world, "1") == "Promoted"  # as the history says, whatever is named now
    world.tick()
    assert (outcome(world, "2"), has_ended(world.rollout)) == (None, False)


def test_a_pause_is_no_end_and_says_why() -> None:
    world = live(steps=APPROVED)
    assert pause_of(world.rollout) is None
    world.want("2")
    world.until("WaitingForApproval")
    paused = pause_of(world.rollout)
    assert paused is not None
    assert paused.reason == "WaitingForApproval"
    assert outcome(world, "2") is None


@pytest.mark.parametrize(
    ("wish", "ends"),
    [
        pytest.param(Wish.ABORT, "RolledBack", id="aborted"),
        pytest.param(Wish.PROMOTE_FULL, "Promoted", id="promoted past all steps"),
    ],
)
def test_what_a_person_decides_is_an_end(wish: Wish, ends: str) -> None:
    world = live(steps=APPROVED)
    world.want("2")
    world.until("WaitingForApproval")
    world.ask(wish)
    end(world)
    assert outcome(world, "2") == ends
    assert pause_of(world.rollout) is None


def test_all_versions_of_an_experiment_have_ended_with_it() -> None:
    world = live(strategy="abTest: {split: 50, goal: reward, maxDuration: 14d}")
    world.want("2", "3")
    world.tick()
    assert {outcome(world, version) for version in "23"} == {None}
    world.ask(Wish.ABORT)
    end(world)
    assert {outcome(world, version) for version in "23"} == {"RolledBack"}
