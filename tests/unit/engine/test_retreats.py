"""A way back that the router's object tells of is taken for decided, if it is of this rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.api import Phase, Traffic
from headrace.engine.decide import decide
from headrace.engine.decision import Action
from headrace.engine.observations import Observations
from headrace.engine.observations import World as Seen
from headrace.engine.plan import Retreat
from tests.unit.engine.rollouts import World, live

STABLE, FIVE = Traffic(stable=100), Traffic(stable=95, candidate=5)


def with_users() -> World:
    world = live(steps="[{weight: 5, hold: 60s}]")
    world.want("2")
    while world.platform.traffic != FIVE:
        world.tick()
    return world


def told_of(world: World) -> Retreat:
    """Give what is on the router's object where this rollout goes back."""
    started = world.status.started
    assert started is not None
    return Retreat("2", started, "RollBack", "ErrorRateWorse", "errors: nine of ten failed")


def test_it_is_decided_again_in_the_same_words_without_any_number() -> None:
    world = with_users()
    seen = replace(world.platform.observe(world.rollout), retreat=told_of(world), traffic=STABLE)
    rollout = world.rollout
    answer = decide(rollout.spec, rollout.status, Observations(world=seen), world.clock.now)
    assert answer.status.phase is Phase.ROLLING_BACK
    assert answer.decision.action is Action.ROLL_BACK
    assert answer.decision.message == "errors: nine of ten failed"
    assert answer.is_new
    assert answer.plan.traffic == STABLE
    assert answer.plan.retreat == told_of(world)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"version": "3"}, id="another version"),
        pytest.param({"started": 17.0}, id="an earlier rollout of it"),
    ],
)
def test_it_tells_nothing_of_this_rollout_where_it_is_of(change: dict[str, object]) -> None:
    world = with_users()
    told = replace(told_of(world), **change)  # type: ignore[arg-type]
    seen = replace(world.platform.observe(world.rollout), retreat=told)
    rollout = world.rollout
    answer = decide(rollout.spec, rollout.status, Observations(world=seen), world.clock.now)
    assert answer.status.phase is Phase.PROGRESSING
    assert answer.plan.traffic == FIVE
    assert answer.plan.retreat is None


def test_it_changes_nothing_where_nothing_is_under_test() -> None:
    world = live()
    told = Retreat("1", world.status.started or 0.0, "RollBack", "ErrorRateWorse", "")
    seen = Seen(traffic=STABLE, retreat=told)
    rollout = world.rollout
    answer = decide(rollout.spec, rollout.status, Observations(world=seen), world.clock.now)
    assert answer.status.phase is Phase.HEALTHY


def test_it_is_told_until_the_rollout_has_ended() -> None:
    world = with_users()
    world.metrics.script.candidate_errors = 0.9
    answer = world.until("ErrorRateWorse")
    first = answer.plan.retreat
    assert first is not None
    assert first.message == answer.decision.message
    while world.status.phase is Phase.ROLLING_BACK:
        assert answer.plan.retreat == first
        answer = world.tick()
    assert answer.plan.retreat is None or world.tick().plan.retreat is None
