"""When a version had the users, read off the histories of rollouts."""

from __future__ import annotations

from headrace.engine.observations import Wish
from headrace.report.lineage import Stay, stays
from tests.unit.engine.rollouts import World, live


def promoted() -> World:
    world = live(strategy="canary: {steps: [{weight: 50, hold: 60s}], keepPrevious: 1h}")
    world.want("2")
    world.until("ProvedSafe")
    world.until("Live")
    return world


def told(world: World, version: str) -> list[Stay]:
    return list(stays([world.rollout], "flight-delay", version))


def test_a_version_has_the_users_until_the_next_one_is_promoted() -> None:
    world = promoted()
    (first,), (second,) = told(world, "1"), told(world, "2")
    assert (first.outcome, second.outcome) == ("Live", "Promoted")
    assert first.until == second.time
    assert second.until is None


def test_a_version_that_was_undone_had_the_users_until_then_and_the_one_before_has_them_again() -> (
    None
):
    world = promoted()
    world.ask(Wish.UNDO)
    while world.status.candidate is not None:
        world.tick()
    had, undone = told(world, "2")
    assert (had.outcome, undone.outcome) == ("Promoted", "RolledBack")
    assert had.until == undone.time
    before, again = told(world, "1")
    assert before.until == had.time
    assert (again.outcome, again.time, again.until) == ("Live", undone.time, None)


def test_a_version_that_was_rolled_back_takes_the_users_from_nobody() -> None:
    world = live()
    world.want("2")
    world.metrics.script.candidate_errors = 0.4
    world.until("ErrorRateWorse")
    while world.status.candidate is not None:
        world.tick()
    (stay,) = told(world, "1")
    assert stay.until is None
    assert [each.outcome for each in told(world, "2")] == ["RolledBack"]
