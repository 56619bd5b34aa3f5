"""A way back that was begun before any status said so, and is told of by the router's object alone.

Users come first: what takes them back is written before the status that says why. Who finds that
without such a status, as a controller was killed or refused in between, takes the decision for
made: with the same reason, and whatever numbers can be read now.
"""

from __future__ import annotations

from headrace.api import Phase, Status, Weights
from headrace.api.fields import milliseconds
from headrace.engine.decision import Action, Decision
from headrace.engine.health import retreat
from headrace.engine.lifecycle import leave_test
from headrace.engine.observations import World
from headrace.engine.plan import Retreat

WAYS_BACK = (Action.ROLL_BACK, Action.DISCARD)
"""What a router's object can tell of."""

UNDER_TEST = (Phase.PROGRESSING, Phase.PAUSED)
"""Phases in which users may go back before a status says so."""


def retreat_of(status: Status) -> Retreat | None:
    """Give what the router's object tells of a rollout; None while nothing goes back."""
    ending, candidate = status.ending, status.candidate
    if status.phase is not Phase.ROLLING_BACK or ending is None or candidate is None:
        return None
    return Retreat(candidate.version, _began(status), ending.action, ending.reason, ending.message)


def with_retreat(status: Status, world: World) -> Status:
    """Take a way back for decided that the router's object tells of.

    Args:
        status: As it was written last.
        world: As it is.

    Returns:
        The same status, unless it is of the rollout that is told of, and still under test.
    """
    told, candidate = world.retreat, status.candidate
    if told is None or candidate is None or status.phase not in UNDER_TEST:
        return status
    if (told.version, told.started) != (candidate.version, _began(status)):
        return status
    decision = Decision(Action(told.action), told.reason, told.message)
    weights = Weights(asked=retreat(status, world), seen=status.weights.seen)
    moved = leave_test(status, Phase.ROLLING_BACK, decision)
    return moved.model_copy(update={"weights": weights})


def _began(status: Status) -> float:
    # As it is written, and read again by whoever comes next.
    return milliseconds(status.started or 0.0)
