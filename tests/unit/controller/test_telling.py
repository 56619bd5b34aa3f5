"""Which decisions become Events."""

from __future__ import annotations

import pytest

from headrace.controller.telling import Told, is_warning
from headrace.engine.decision import Action, Decision


def told(*decisions: tuple[float, Action, str]) -> list[tuple[float, str]]:
    state, news = Told(), []
    before, since = None, 0.0
    for at, action, reason in decisions:
        since = since if before == (action, reason) else at  # as the engine's status has it
        before = (action, reason)
        if state.is_news(Decision(action, reason, "a sentence"), "2", since, at):
            news.append((at, reason))
    return news


def test_an_ending_is_told_at_once_and_once() -> None:
    assert told(
        (0, Action.ROLL_BACK, "MoreErrors"),
        (15, Action.ROLL_BACK, "MoreErrors"),
        (90, Action.ROLL_BACK, "MoreErrors"),
    ) == [(0, "MoreErrors")]


def test_a_hold_is_told_when_it_has_lasted_a_minute() -> None:
    holds = [(15.0 * n, Action.HOLD, "NoData") for n in range(10)]
    assert told(*holds) == [(60.0, "NoData")]


def test_a_hold_that_was_told_is_told_again_when_it_comes_again_and_lasts() -> None:
    first = [(15.0 * n, Action.HOLD, "NoData") for n in range(10)]
    moment = [(150.0, Action.HOLD, "Holding")]
    again = [(165.0 + 15.0 * n, Action.HOLD, "NoData") for n in range(10)]
    assert told(*first, *moment, *again) == [(60.0, "NoData"), (225.0, "NoData")]


def test_a_climb_is_told_every_two_minutes_and_what_ends_it_at_once() -> None:
    climb = [(15.0 * n, Action.ADVANCE, "StepHeld") for n in range(17)]
    between = [(15.0 * n + 1, Action.HOLD, "Holding") for n in range(17)]
    end = (250.0, Action.ROLL_BACK, "MoreErrors")
    assert told(*sorted(climb + between), end) == [
        (0.0, "StepHeld"),
        (120.0, "StepHeld"),
        (240.0, "StepHeld"),
        (250.0, "MoreErrors"),
    ]


@pytest.mark.parametrize(
    ("action", "warns"),
    [(Action.ROLL_BACK, True), (Action.PAUSE, True), (Action.DROP, True), (Action.PROMOTE, False)],
)
def test_people_are_warned_of_what_they_did_not_want(action: Action, warns: bool) -> None:
    assert is_warning(Decision(action, "Reason", "a sentence")) is warns
