"""What a person's request means while a version is under test; each is carried out once."""

from __future__ import annotations

from headrace.api import Phase, Status
from headrace.engine.decision import Action, Decision
from headrace.engine.lifecycle import enter_step
from headrace.engine.observations import Ask, Wish
from headrace.engine.steps import describe
from headrace.engine.strategies.base import Strategy


def fresh(status: Status, ask: Ask | None) -> Ask | None:
    """Give a request that was not carried out yet."""
    return None if ask is None or ask.identity == status.asked else ask


def taken(status: Status, ask: Ask) -> Status:
    """Remember that a request was carried out."""
    return status.model_copy(update={"asked": ask.identity})


def heed(strategy: Strategy, status: Status, ask: Ask | None) -> tuple[Status, Decision | None]:
    """Say what a request decides during a test.

    Args:
        strategy: For what comes next.
        status: Of the test.
        ask: The request; one that was carried out already decides nothing.
    """
    asked = fresh(status, ask)
    if asked is None:
        return status, None
    status = taken(status, asked)
    if asked.wish is Wish.ABORT:
        status = status.model_copy(update={"ended_by": asked.by})
        return status, Decision(Action.ROLL_BACK, "Aborted", f"{asked.by} said `headrace abort`")
    if status.phase is Phase.PAUSED and asked.wish is Wish.RETRY:
        status = status.model_copy(update={"phase": Phase.PROGRESSING})
        return status, Decision(Action.HOLD, "Resumed", f"{asked.by} said `headrace retry`")
    if asked.wish is not Wish.PROMOTE:
        return status, None
    steps = strategy.steps
    waits = status.step < len(steps) and steps[status.step].approval
    if waits and status.phase is Phase.PAUSED:
        if status.step + 1 < len(steps):
            then = describe(steps[status.step + 1].traffic)
            message = f"{asked.by} approved; the candidate now gets {then}"
            return status, Decision(Action.ADVANCE, "Approved", message)
        status = enter_step(status, len(steps))
        return status, Decision(Action.HOLD, "Approved", f"{asked.by} approved the last step")
    status = status.model_copy(update={"ended_by": asked.by})
    version = strategy.favourite(status)
    message = f"{asked.by} said `headrace promote`, without further proof"
    return status, Decision(Action.PROMOTE, "PromotedByPerson", message, version)
