"""A status that somebody else has written must not steer the terminal of whoever looks at it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from headrace.api import ModelRollout, Status
from headrace.errors import NotFound
from headrace.report.audit import render_trail, render_why
from headrace.report.terminal import render_status
from tests.unit.engine.rollouts import World, live, under_test
from tests.unit.report.test_terminal import shown

ESCAPE = "\x1b]0;owned\x07"


def several() -> World:
    """Have two candidates, one of which was dropped."""
    world = live(
        strategy="bandit: {reward: reward, floor: 5, update: 1m, stop: {expectedLoss: 0.001}}"
    )
    world.metrics.script.rewards = {"1": 0.1, "2": 0.11, "3": 0.01}
    world.want("2", challengers="3")
    for _ in range(60):
        world.tick()
    return world


def rolled_back() -> World:
    world = under_test()
    world.metrics.script.candidate_errors = 0.4
    world.until("ErrorRateWorse")
    while world.status.candidate is not None:
        world.tick()
    return world


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every text of a document."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, (*path, key))
    elif isinstance(value, list):
        for key, each in enumerate(value):
            yield from texts(each, (*path, key))


def with_escapes(rollout: ModelRollout) -> Iterator[tuple[str, ModelRollout]]:
    """Give the rollout with one text of its status after the other spoilt, where that is read."""
    document = rollout.status.model_dump(mode="json")
    for path in texts(document):
        changed = copy.deepcopy(document)
        part = changed
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] += ESCAPE
        try:
            status = Status.model_validate(changed)
        except ValidationError:
            continue
        yield ".".join(map(str, path)), rollout.model_copy(update={"status": status})


@pytest.mark.parametrize("world", [under_test, several, rolled_back])
def test_no_text_of_a_status_steers_the_terminal(world: Any) -> None:
    found = []
    for path, rollout in with_escapes(world().rollout):
        told = shown(render_status(rollout, 1e6)) + shown(render_trail(rollout))
        try:
            told += shown(render_why(rollout))
        except NotFound as error:
            told += str(error)
        if "\x1b" in told or "\x07" in told:
            found.append(path)
    assert found == []
