"""What the engine answers at one tick."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.api import Status
from headrace.engine.gates import Question
from headrace.engine.plan import Plan
from headrace.engine.verdicts import Verdict


class Action(StrEnum):
    """What happens next."""

    HOLD = "Hold"
    ADVANCE = "Advance"
    PAUSE = "Pause"
    DROP = "Drop"
    """One of several candidates gets no more traffic; the others go on."""
    PROMOTE = "Promote"
    DISCARD = "Discard"
    """The candidates go, though none of them failed."""
    ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its CamelCase reason, and a sentence with the numbers.

    Attributes:
        action: What.
        reason: Why, in one word.
        message: Why, in a sentence.
        version: The candidate that is promoted or dropped; empty for the first one.
    """

    action: Action
    reason: str
    message: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """The answer of `decide`: what to do, what should exist, and what to remember.

    Attributes:
        decision: What follows, and why.
        plan: What should exist now.
        status: To be written.
        verdicts: Of the checks that were asked.
        questions: To the gates that it waits for; as long as one is here, its last answer counts.
        is_new: Whether this was decided at this tick: never of a hold, and of what is decided
            again until the traffic has moved only the first time.
        farewell: Whether the resource that is being deleted may go, once the plan is carried out;
            what the plan has stays behind.
    """

    decision: Decision
    plan: Plan
    status: Status
    verdicts: tuple[Verdict, ...] = ()
    questions: tuple[Question, ...] = ()
    is_new: bool = False
    farewell: bool = False
