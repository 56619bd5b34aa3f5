"""What a fleet has of gates and receivers costs nothing where there are none."""

from __future__ import annotations

from contextlib import closing

from headrace.api import Freeze
from headrace.controller.outside import Outside
from headrace.engine.observations import Observations
from tests.unit.engine.rollouts import live


def test_it_knows_the_calendar_and_the_generation_of_a_rollout() -> None:
    world = live()
    metadata = world.rollout.metadata.model_copy(update={"generation": 7})
    rollout = world.rollout.model_copy(update={"metadata": metadata})
    with closing(Outside(lambda rollout, why: None)) as outside:
        known = outside.known(rollout, Observations(), world.clock.now)
        assert (known.frozen, known.generation) == ("", 7)
        world.edit(freeze=[Freeze(schedule="* * * * *", duration=3600.0)])
        assert outside.known(world.rollout, Observations(), world.clock.now).frozen
        outside.follow(world.rollout, world.tick(), world.clock.now)
        outside.forget(world.rollout.key)
