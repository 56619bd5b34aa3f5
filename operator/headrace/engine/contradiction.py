"""A status that cannot be, as somebody has written it by hand or put an old half of it back.

A controller that remembers what it wrote puts that back. One that was just started cannot: it keeps
the users with the stable version, says so, and tries nothing until a person asks for it.
"""

from __future__ import annotations

from headrace.api import Phase, RolloutSpec, Status
from headrace.engine.answer import answer
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.endings import roll_back
from headrace.engine.lifecycle import without_a_past
from headrace.engine.observations import World
from headrace.engine.steps import ALL_STABLE

CONTRADICTORY = "StatusContradictory"

_ENDING = (Phase.PROMOTING, Phase.ROLLING_BACK)
_AT_REST = (Phase.IDLE, Phase.HEALTHY, Phase.ROLLED_BACK)


def contradiction(status: Status) -> str:
    """Say what in a status with a stable version cannot be; empty if all of it can."""
    phase, candidate = status.phase, status.candidate
    if candidate is None:
        return "" if phase in _AT_REST else f"it is {phase}, and no version is under test"
    if phase in _AT_REST:
        return f"it is {phase}, and {candidate.version} is under test"
    if candidate == status.stable:
        return f"{candidate.version} is under test beside itself"
    if phase in _ENDING and status.ending is None:
        return f"it is {phase}, and nothing says why"
    return ""


def start_over(spec: RolloutSpec, status: Status, why: str, world: World, now: float) -> Tick:
    """Keep the users with the stable version, and leave the next try to a person.

    Args:
        spec: Of the rollout.
        status: With a stable version.
        why: What cannot be.
        world: What exists.
        now: Unix seconds.
    """
    stable = status.stable
    assert stable is not None
    if status.candidate in (None, stable):
        status = without_a_past(status, spec)
    message = (
        f"the status contradicts itself, as somebody has changed it: {why}; {stable} has the "
        "users, and `headrace retry` tries again"
    )
    decision = Decision(Action.ROLL_BACK, CONTRADICTORY, message)
    if status.candidate is None:
        return answer(spec, status, decision, ALL_STABLE, now)
    return roll_back(spec, status, decision, world, now)
