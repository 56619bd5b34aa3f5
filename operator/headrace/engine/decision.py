"""What the engine answers at one tick."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from headrace.api import Status
from headrace.engine.plan import Plan
from headrace.engine.verdicts import Verdict


class Action(StrEnum):
    """What happens next."""

    HOLD = "Hold"
    ADVANCE = "Advance"
    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its CamelCase reason, and a sentence with the numbers."""

    action: Action
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The answer of `decide`: what to do, what should exist, and what to remember."""

    decision: Decision
    plan: Plan
    status: Status
    verdicts: tuple[Verdict, ...] = ()
