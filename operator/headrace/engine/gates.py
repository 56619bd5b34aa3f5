"""What is asked of a gate, and what it has answered. Who asks, and how, is the controller's."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from headrace.api import Before, Traffic


@dataclass(frozen=True, slots=True)
class Question:
    """May this go on? Two questions are the same one when they are about the same thing.

    Attributes:
        gate: Name of the gate.
        before: What waits.
        version: Of the candidate; several are joined by `+`.
        step: Index of the step that is next, or of the last one before a promotion.
        reason: Why it would go on, in one CamelCase word.
        message: Why, in one sentence.
        traffic: What would be carried.
    """

    gate: str
    before: Before
    version: str
    step: int
    reason: str = field(compare=False)
    message: str = field(compare=False)
    traffic: Traffic = field(compare=False)


class Opening(StrEnum):
    """What a gate said."""

    OPEN = "Open"
    CLOSED = "Closed"
    UNKNOWN = "Unknown"
    """No clear answer: too late, an error, or not what was agreed."""


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """An answer, which counts for its own question only.

    Attributes:
        question: That it was given to.
        opening: What it says.
        message: Why, in a sentence.
    """

    question: Question
    opening: Opening
    message: str
