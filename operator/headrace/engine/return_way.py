"""The way back after a promotion: at once while the old servers run, else once they run again."""

from __future__ import annotations

from headrace.api import Kept, RolloutSpec, Status
from headrace.api.fields import parse_instant
from headrace.engine.answer import answer
from headrace.engine.asks import said, taken
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.health import cannot_serve, is_complete, is_ready, readiness, state_of
from headrace.engine.lifecycle import go_back
from headrace.engine.observations import Ask, Wish, World
from headrace.engine.steps import ALL_STABLE

WENT_BACK, UNDOING, NOT_UNDONE = "WentBack", "Undoing", "NotUndone"

_LEAST = 60.0
"""Seconds that servers have to come up, at least."""


def can_go_back(status: Status, world: World) -> bool:
    """Tell whether the previous version can take the users at once."""
    previous = status.previous
    return previous is not None and is_ready(state_of(world, previous.model))


def goes_back(spec: RolloutSpec, status: Status, why: str, by: str, now: float) -> Tick:
    """Return to the previous version, which runs."""
    assert status.previous is not None
    message = f"{why}: back to {status.previous.model.version}, which runs"
    decision = Decision(Action.ROLL_BACK, WENT_BACK, message)
    return answer(spec, go_back(status, decision, by, now), decision, ALL_STABLE, now)


def asked_back(spec: RolloutSpec, status: Status, ask: Ask, world: World, now: float) -> Status:
    """Take a person's `abort` or `undo`, where nothing is under test.

    Returns:
        The status; with `undoing` when it is to go back.
    """
    if status.undoing and ask.wish is Wish.ABORT:
        update = {"undoing": "", "previous": None}
        return taken(status.model_copy(update=update), ask, "the way back is given up", now)
    to = status.predecessor if status.previous is None else status.previous.model
    if to is None or (ask.wish is Wish.ABORT and not can_go_back(status, world)):
        return taken(status, ask, _nowhere(ask), now)
    until = parse_instant(now + max(spec.serving.startup_timeout, _LEAST))
    kept = Kept(model=to, until=until)
    status = status.model_copy(update={"undoing": said(ask), "ended_by": ask.by, "previous": kept})
    return taken(status, ask, f"goes back to {to.version}", now)


def _nowhere(ask: Ask) -> str:
    if ask.wish is Wish.UNDO:
        return "there is no version to go back to"
    return "nothing is under way, and no previous version is kept running"


def go_on_back(
    spec: RolloutSpec, status: Status, world: World, now: float, *, at_once: bool
) -> Tick:
    """Go back, or start the servers for it first, or say why it cannot be.

    Args:
        spec: Of the rollout.
        status: With `undoing`.
        world: What exists.
        now: Unix seconds.
        at_once: Whether one server of the previous version is enough, since it was kept.
    """
    previous = status.previous
    if previous is None or now >= previous.until:
        return _given_up(spec, status, "its servers were not ready in time", now)
    state = state_of(world, previous.model)
    if is_complete(state) or (at_once and is_ready(state)):
        return goes_back(spec, status, status.undoing, status.ended_by, now)
    gone = cannot_serve(status, world, previous.model, now)
    if gone is not None:
        return _given_up(spec, status, gone[1], now)
    message = f"{status.undoing}: {previous.model} starts again, {readiness(state)}"
    return answer(spec, status, Decision(Action.HOLD, UNDOING, message), ALL_STABLE, now)


def _given_up(spec: RolloutSpec, status: Status, why: str, now: float) -> Tick:
    message = f"{status.undoing}, but {status.predecessor} cannot serve: {why}"
    update = {"undoing": "", "ended_by": "", "previous": None}
    decision = Decision(Action.HOLD, NOT_UNDONE, message)
    return answer(spec, status.model_copy(update=update), decision, ALL_STABLE, now)
