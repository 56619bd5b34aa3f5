"""What is noted without a decision, and what is not."""

from __future__ import annotations

import pytest

from headrace.api import CountedAs, Phase, Traffic
from headrace.engine.arrival import arrived
from headrace.engine.observations import World as Seen
from tests.unit.engine.rollouts import World, live

ASKED = Traffic(stable=95, candidate=5)
USERS = "[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]"


def moving(steps: str = USERS) -> World:
    """Give a world whose router was asked for the first step and has not moved yet."""
    world = live(steps=steps)
    world.want("2")
    world.tick()
    world.platform.slow = True
    while world.status.weights.asked == Traffic(stable=100):
        world.tick()
    assert world.status.carried_since is None
    return world


def test_users_who_have_moved_are_noted_and_nothing_else_changes() -> None:
    world = moving()
    rollout = world.rollout
    moved = arrived(rollout.spec, rollout.status, Seen(traffic=ASKED), 17.0)
    assert moved is not None
    assert moved.weights.seen == ASKED
    assert moved.carried_since == 17.0
    update = {"weights": rollout.status.weights, "carried_since": None}
    assert moved.model_copy(update=update) == rollout.status


def test_the_next_tick_decides_as_if_it_had_seen_that_itself() -> None:
    at_once, later = moving(), moving()
    for world in (at_once, later):
        world.platform.slow = False
        world.platform.traffic = ASKED
    rollout = at_once.rollout
    seen = at_once.platform.observe(rollout)
    moved = arrived(rollout.spec, rollout.status, seen, at_once.clock.now)
    at_once.rollout = rollout.model_copy(update={"status": moved})
    later.clock.now -= 15.0
    later.tick()
    assert at_once.tick().plan == later.tick().plan


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(Seen(traffic=Traffic(stable=100)), id="users have not moved"),
        pytest.param(Seen(traffic=None), id="the router has not said so"),
        pytest.param(Seen(traffic=ASKED, problem="away"), id="nobody knows"),
    ],
)
def test_nothing_is_noted_where(seen: Seen) -> None:
    rollout = moving().rollout
    assert arrived(rollout.spec, rollout.status, seen, 17.0) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"carried_since": 3.0}, id="it is known already"),
        pytest.param({"phase": Phase.ROLLING_BACK}, id="the rollout ends"),
        pytest.param({"phase": Phase.PAUSED}, id="the rollout is paused"),
        pytest.param({"step": 2}, id="all steps have held"),
        pytest.param({"step": 1}, id="the step asks for something else"),
        pytest.param(
            {"counted": [CountedAs(metric="requests", name="route-0", version="2")]},
            id="a counter begins to mean another version",
        ),
    ],
)
def test_a_decision_is_left_to_a_tick_where(change: dict[str, object]) -> None:
    rollout = moving().rollout
    status = rollout.status.model_copy(update=change)
    assert arrived(rollout.spec, status, Seen(traffic=ASKED), 17.0) is None


def test_a_person_is_asked_at_once() -> None:
    rollout = moving("[{weight: 5, hold: 60s}, {approval: {}}]").rollout
    status = rollout.status.model_copy(update={"step": 1})
    assert arrived(rollout.spec, status, Seen(traffic=ASKED), 17.0) is None
