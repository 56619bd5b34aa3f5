"""Times in which a rollout stays as it is: `spec.suspended`, and a spec that is not valid."""

from __future__ import annotations

from dataclasses import replace

from headrace.api import Phase, RolloutSpec, Status
from headrace.api.fields import parse_instant
from headrace.engine.answer import answer
from headrace.engine.asks import fresh, said
from headrace.engine.conditions import PROGRESSING, STALLED, with_state
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.observations import Observations

INVALID_SPEC, SUSPENDED = "InvalidSpec", "Suspended"

STATUS_UNREADABLE = "StatusUnreadable"


def suspended(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Change nothing and judge nothing; what people ask meanwhile waits.

    The counters of this time are never used: nobody looked at what they mean.
    """
    message = "spec.suspended is true: nothing is changed or judged, and the traffic stays"
    ask = fresh(status, observations.ask)
    if ask is not None:
        message += f"; {said(ask)}, which waits"
    status = status.model_copy(
        update={"watermarks": dict.fromkeys(status.watermarks, parse_instant(now))}
    )
    decision = Decision(Action.HOLD, SUSPENDED, message)
    return answer(spec, status, decision, status.weights.asked, now)


def was_suspended(status: Status) -> bool:
    """Tell whether the last tick was of a suspended rollout."""
    return status.decision is not None and status.decision.reason == SUSPENDED


def from_now_on(observations: Observations, now: float) -> Observations:
    """Leave out what was counted before: of the first tick after a suspension, which began in it.

    Args:
        observations: Of this tick.
        now: Unix seconds.
    """
    watermarks = dict.fromkeys(observations.watermarks, parse_instant(now))
    return replace(observations, intervals=(), problems=(), watermarks=watermarks)


def invalid(
    status: Status, message: str, generation: int, now: float, reason: str = INVALID_SPEC
) -> Status:
    """Say that a spec is not valid; the rollout and its traffic stay as they are.

    For callers that have no valid spec to give to `decide`. They apply nothing, and write this
    status; once the spec is valid again, `decide` goes on from where the rollout was.

    Of a status that cannot be read, only the conditions are of use.

    Args:
        status: As the last tick left it.
        message: What is wrong, in a sentence.
        generation: Of the invalid spec.
        now: Unix seconds.
        reason: In one word.
    """
    interrupted = status.interrupted if status.phase is Phase.INVALID else status.phase
    status = status.model_copy(
        update={
            "phase": Phase.INVALID,
            "interrupted": interrupted,
            "observed_generation": generation,
        }
    )
    states = {
        PROGRESSING: with_state(status, PROGRESSING, ("False", reason, message), now),
        STALLED: with_state(status, STALLED, ("True", reason, message), now),
    }
    others = [c for c in status.conditions if c.type not in states]
    return status.model_copy(update={"conditions": [*others, *states.values()]})


def valid_again(status: Status) -> Status:
    """Give the status with the phase that a rollout had before its spec was invalid."""
    if status.phase is not Phase.INVALID:
        return status
    update = {"phase": status.interrupted or Phase.IDLE, "interrupted": None}
    return status.model_copy(update=update)
