"""What a person's request means while a version is under test; each is carried out once.

A request that a freeze or a gate bars is not carried out yet: it waits with the rollout, until it
may pass or another one takes its place.
"""

from __future__ import annotations

from headrace.api import Phase, Status, Wished
from headrace.api.fields import parse_instant
from headrace.engine.decision import Action, Decision
from headrace.engine.lifecycle import enter_step, resume
from headrace.engine.observations import Ask, Wish
from headrace.engine.steps import describe
from headrace.engine.strategies.base import Strategy

_KEPT_WISHES = 20

PAUSED_BY_PERSON = "PausedByPerson"


def fresh(status: Status, ask: Ask | None) -> Ask | None:
    """Give a request that was not carried out yet."""
    return None if ask is None or ask.identity == status.asked else ask


def command(wish: Wish) -> str:
    """Give a wish as one types it."""
    return f"headrace {wish.replace('-', ' --')}"


def said(ask: Ask) -> str:
    """Say who asked for what."""
    return f"{ask.by} said `{command(ask.wish)}`"


def taken(status: Status, ask: Ask, answer: str, now: float) -> Status:
    """Remember that a request was carried out, and what came of it."""
    wished = Wished(wish=ask.wish, by=ask.by, time=parse_instant(now), answer=answer)
    wishes = [*status.wishes[1 - _KEPT_WISHES :], wished]
    return status.model_copy(update={"asked": ask.identity, "wishes": wishes})


def heed(
    strategy: Strategy, status: Status, ask: Ask | None, now: float
) -> tuple[Status, Decision | None]:
    """Say what a request decides during a test.

    Args:
        strategy: For what comes next.
        status: Of the test.
        ask: The request; one that was carried out already decides nothing.
        now: Unix seconds.
    """
    asked = fresh(status, ask)
    if asked is None:
        return status, None
    paused = status.phase is Phase.PAUSED
    match asked.wish:
        case Wish.ABORT | Wish.UNDO:
            return _decided(status, asked, Decision(Action.ROLL_BACK, "Aborted", said(asked)), now)
        case Wish.PROMOTE_FULL:
            return _promoted(strategy, status, asked, now)
        case Wish.PROMOTE if paused:
            return _passed(strategy, status, asked, now)
        case Wish.RESUME | Wish.RETRY if paused:
            return _resumed(status, asked, now)
        case Wish.PAUSE if not paused:
            message = f"{said(asked)}; nothing changes but by a rollback until `headrace resume`"
            return _decided(status, asked, Decision(Action.PAUSE, PAUSED_BY_PERSON, message), now)
    return taken(status, asked, _nothing(asked), now), None


def _nothing(ask: Ask) -> str:
    if ask.wish is Wish.PAUSE:
        return "it was paused already"
    if ask.wish is Wish.PROMOTE:
        return f"nothing waited for a person; `{command(Wish.PROMOTE_FULL)}` skips what is left"
    return "it was not paused"


def _decided(status: Status, ask: Ask, decision: Decision, now: float) -> tuple[Status, Decision]:
    status = taken(status, ask, decision.message, now)
    if decision.action in (Action.ROLL_BACK, Action.PROMOTE):
        status = status.model_copy(update={"ended_by": ask.by})
    return status, decision


def _resumed(status: Status, ask: Ask, now: float) -> tuple[Status, Decision]:
    return _decided(resume(status), ask, Decision(Action.HOLD, "Resumed", said(ask)), now)


def _promoted(strategy: Strategy, status: Status, ask: Ask, now: float) -> tuple[Status, Decision]:
    message = f"{said(ask)}, without further proof"
    version = strategy.favourite(status)
    decision = Decision(Action.PROMOTE, "PromotedByPerson", message, version)
    return _decided(status, ask, decision, now)


def _passed(strategy: Strategy, status: Status, ask: Ask, now: float) -> tuple[Status, Decision]:
    """Pass what it waits at: an approval, a person's pause, or a pause of Headrace's own."""
    steps = strategy.steps
    if status.paused is not None and status.paused.reason == PAUSED_BY_PERSON:
        return _resumed(status, ask, now)
    if status.step >= len(steps) or not steps[status.step].approval:
        return _promoted(strategy, status, ask, now)
    if status.step + 1 < len(steps):
        then = describe(steps[status.step + 1].traffic)
        message = f"{ask.by} approved; the candidate now gets {then}"
        return _decided(status, ask, Decision(Action.ADVANCE, "Approved", message), now)
    status = enter_step(status, len(steps))
    decision = Decision(Action.HOLD, "Approved", f"{ask.by} approved the last step")
    return _decided(status, ask, decision, now)
