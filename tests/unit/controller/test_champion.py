"""The registry's alias follows the traffic: after it, once, and as soon as the registry answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from headrace.api import ModelRollout, Phase, Registered, Status
from headrace.controller.champion import Champion
from headrace.controller.writing import is_due
from headrace.engine.conditions import REGISTERED
from headrace.engine.decide import decide
from headrace.engine.observations import Observations
from headrace.errors import PlatformUnavailable
from tests.unit.engine.rollouts import live, rollout

KEY = rollout("1").key


@dataclass
class Shelf:
    """A registry that is away for a while, and can be waited for."""

    away: int = 0
    promoted: list[tuple[str, str]] = field(default_factory=list)
    heard: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def promote(self, name: str, version: str) -> None:
        if self.away:
            self.away -= 1
            raise PlatformUnavailable("it is away")
        self.promoted.append((name, version))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def champion(shelf: Shelf) -> Iterator[Champion]:
    with closing(
        Champion(shelf, lambda key, text: None, lambda key: shelf.heard.release(), 0.0)
    ) as one:
        yield one


def settled(
    version: str, phase: Phase = Phase.HEALTHY, registered: Registered | None = None
) -> ModelRollout:
    wanted = rollout(version)
    status = Status(phase=phase, stable=wanted.spec.model, registered=registered)
    return wanted.model_copy(update={"status": status})


def test_the_alias_moves_once_the_traffic_has(champion: Champion, shelf: Shelf) -> None:
    for phase in (Phase.PROMOTING, Phase.ROLLING_BACK):
        champion.follow(settled("2", phase))
    assert champion.known(settled("2")) is None
    champion.follow(settled("2"))
    assert shelf.heard.acquire(timeout=30)
    champion.follow(settled("2"))
    assert champion.known(settled("2")) == Registered(champion="2")
    assert shelf.promoted == [("flight-delay", "2")]


def test_what_the_status_knows_to_be_done_is_not_done_again(
    champion: Champion, shelf: Shelf
) -> None:
    champion.follow(settled("2", registered=Registered(champion="2")))
    assert champion.known(settled("2", registered=Registered(champion="2"))) is None
    champion.follow(settled("3", registered=Registered(champion="2")))
    assert shelf.heard.acquire(timeout=30)
    assert shelf.promoted == [("flight-delay", "3")]


def test_a_registry_that_is_away_is_said_once_and_asked_until_it_answers(
    champion: Champion, shelf: Shelf
) -> None:
    shelf.away = 3
    champion.follow(settled("2", registered=Registered(champion="1")))
    assert shelf.heard.acquire(timeout=30), "what is wrong"
    assert shelf.heard.acquire(timeout=30), "that it is done"
    assert not shelf.heard.acquire(blocking=False)
    assert shelf.promoted == [("flight-delay", "2")]


def test_a_version_that_has_its_turn_meanwhile_takes_the_place_of_the_one_before(
    champion: Champion, shelf: Shelf
) -> None:
    champion.follow(settled("2"))
    assert shelf.heard.acquire(timeout=30)
    champion.follow(settled("3"))
    assert shelf.heard.acquire(timeout=30)
    assert champion.known(settled("3")) == Registered(champion="3")
    champion.forget(KEY)
    assert champion.known(settled("3")) is None


def test_the_status_tells_where_the_alias_is_and_why_it_is_not_elsewhere() -> None:
    world = live()

    def said(registered: Registered | None) -> tuple[str, str, str]:
        observations = Observations(
            registered=registered, world=world.platform.observe(world.rollout)
        )
        before, now = world.status, world.clock.now
        status = decide(world.rollout.spec, before, observations, now).status
        if registered is not None:
            assert is_due(before, status, 0.0), "that is worth a write at once"
        world.rollout = world.rollout.model_copy(update={"status": status})
        found = next((c for c in status.conditions if c.type == REGISTERED), None)
        return ("", "", "") if found is None else (found.status, found.reason, found.message)

    assert said(None) == ("", "", "")
    away = Registered(problem="it is away")
    assert said(away) == ("False", "AliasNotMoved", "the alias champion is nowhere yet: it is away")
    assert said(None)[0] == "False", "nothing new is known"
    assert said(Registered(champion="0"))[:2] == ("Unknown", "AliasMoves")
    assert said(Registered(champion="1")) == ("True", "AliasMoved", "the alias champion is on 1")
