"""Decisions are told once each, and what was not told yet survives everything."""

from __future__ import annotations

from headrace.api import CloudEvents, Notification
from headrace.engine.observations import Wish
from tests.unit.engine.rollouts import World, live

RECEIVERS = [Notification(cloud_events=CloudEvents(url="https://events.example.com"))]


def told(world: World) -> list[tuple[str, str]]:
    return [(news.action, news.reason) for news in world.status.news]


def trying() -> World:
    world = live(steps="[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]")
    world.edit(notifications=RECEIVERS)
    world.want("2")
    world.until("StepHolds")
    return world


def test_every_decision_is_told_once_and_a_hold_never() -> None:
    world = trying()
    world.until("ProvedSafe")
    for _ in range(20):
        world.tick()
    assert told(world) == [
        ("Advance", "RolloutStarts"),
        ("Advance", "StepHeld"),
        ("Promote", "ProvedSafe"),
    ]
    assert len({news.identity for news in world.status.news}) == 3


def test_a_rollback_and_a_pause_are_told_with_their_sentence() -> None:
    world = trying()
    world.ask(Wish.PAUSE)
    world.metrics.script.candidate_errors = 0.4
    message = world.until("ErrorRateWorse").decision.message
    for _ in range(10):
        world.tick()
    assert told(world)[1:] == [("Pause", "PausedByPerson"), ("RollBack", "ErrorRateWorse")]
    assert world.status.news[-1].message == message
    assert world.status.news[-1].version == "2"


def test_a_stall_is_told_once() -> None:
    world = trying()
    world.platform.down = "the API server does not answer"
    for _ in range(100):
        world.tick()
    assert [news for news in told(world) if news[0] == "Stalled"] == [
        ("Stalled", "PlatformUnavailable")
    ]


def test_what_was_told_is_kept_no_longer() -> None:
    world = trying()
    first = world.status.news[0]
    world.told = frozenset({first.identity})
    world.tick()
    assert first not in world.status.news


def test_without_receivers_nothing_is_kept() -> None:
    world = trying()
    world.edit(notifications=[])
    world.until("ProvedSafe")
    assert world.status.news == []


def test_of_very_many_the_newest_wait() -> None:
    world = trying()
    for _ in range(30):
        world.ask(Wish.PAUSE)
        world.ask(Wish.RESUME)
    assert len(world.status.news) == 20
    assert world.status.news[-1].reason == "PausedByPerson"


def test_every_step_is_a_new_decision_and_what_lasts_is_new_once() -> None:
    world = live(steps="[{weight: 5, hold: 60s}, {weight: 25, hold: 60s}, {weight: 50, hold: 60s}]")
    world.want("2")
    ticks = [world.tick() for _ in range(100)]
    assert [(tick.decision.action, tick.decision.reason) for tick in ticks if tick.is_new] == [
        ("Advance", "RolloutStarts"),
        ("Advance", "StepHeld"),
        ("Advance", "StepHeld"),
        ("Promote", "ProvedSafe"),
    ]
