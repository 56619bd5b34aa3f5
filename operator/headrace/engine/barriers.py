"""What stands in the way of more traffic, whatever the checks say: freezes and gates.

A rollback passes every barrier, and so does `headrace promote --full`. What is unknown is no yes:
a gate that does not answer holds, and neither promotes nor rolls back.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Before, RolloutSpec, Traffic
from headrace.engine.decision import Action, Decision
from headrace.engine.gates import GateAnswer, Opening, Question
from headrace.engine.observations import Observations

FROZEN, CLOSED, UNKNOWN, ASKED = "Frozen", "GateClosed", "GateUnknown", "GateAsked"
BARRED = frozenset((FROZEN, CLOSED, UNKNOWN, ASKED))
"""Reasons of a hold at a barrier."""

_REASONS = {Opening.CLOSED: CLOSED, Opening.UNKNOWN: UNKNOWN}


@dataclass(frozen=True, slots=True)
class Barrier:
    """Something in the way.

    Attributes:
        decision: To hold, and why.
        questions: To the gates that could let it pass; none in a freeze.
    """

    decision: Decision
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """What wants to pass.

    Attributes:
        before: What kind of change.
        decision: That would follow.
        version: Of the candidate; several are joined by `+`.
        step: Index of the step that is next.
        traffic: That would be carried.
    """

    before: Before
    decision: Decision
    version: str
    step: int
    traffic: Traffic


def barrier(spec: RolloutSpec, observations: Observations, passage: Passage) -> Barrier | None:
    """Give what is in the way of a change; None if it may pass.

    Args:
        spec: With the gates.
        observations: With the freeze of now and the gates' last answers.
        passage: The change.
    """
    if observations.frozen:
        return Barrier(_held(FROZEN, observations.frozen, passage))
    questions = tuple(
        Question(
            gate.name,
            gate.before,
            passage.version,
            passage.step,
            passage.decision.reason,
            passage.decision.message,
            passage.traffic,
        )
        for gate in spec.gates
        if gate.before is passage.before
    )
    shut = [
        (question, answer)
        for question in questions
        if (answer := _answer_to(question, observations)) is None
        or answer.opening is not Opening.OPEN
    ]
    if not shut:
        return None
    return Barrier(_at_gates(shut, passage), questions)


def frozen(observations: Observations, decision: Decision) -> Barrier:
    """Give the freeze of now as a barrier for what a decision would let happen."""
    message = f"{observations.frozen}; otherwise: {decision.message}"
    return Barrier(Decision(Action.HOLD, FROZEN, message))


def rises(wanted: Traffic, carried: Traffic) -> bool:
    """Tell whether any candidate would get more users or more copies."""
    further = (
        weight > carried.challengers.get(version, 0)
        for version, weight in wanted.challengers.items()
    )
    more = wanted.candidate > carried.candidate or wanted.mirror > carried.mirror
    return more or any(further)


def _answer_to(question: Question, observations: Observations) -> GateAnswer | None:
    answer = observations.gates.get(question.gate)
    return None if answer is None or answer.question != question else answer


def _at_gates(shut: list[tuple[Question, GateAnswer | None]], passage: Passage) -> Decision:
    # A clear no says most, then a gate that cannot be asked.
    for opening in (Opening.CLOSED, Opening.UNKNOWN):
        said = [
            f"gate {question.gate}: {answer.message}"
            for question, answer in shut
            if answer is not None and answer.opening is opening
        ]
        if said:
            return _held(_REASONS[opening], "; ".join(said), passage)
    names = " and ".join(question.gate for question, _ in shut)
    return _held(ASKED, f"the answer of gate {names} is awaited", passage)


def _held(reason: str, why: str, passage: Passage) -> Decision:
    return Decision(Action.HOLD, reason, f"{why}; what waits: {passage.decision.message}")
