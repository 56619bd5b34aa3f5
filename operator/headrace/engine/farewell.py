"""A tick while the resource is being deleted: what stays behind, and when the resource may go.

By default the stable version goes on serving all users: the same retreat as in a rollback, and
then nobody looks after it any more. `onDelete: Delete` takes everything away at once.
"""

from __future__ import annotations

from dataclasses import replace

from headrace.api import OnDelete, Phase, RolloutSpec, Status, Traffic
from headrace.engine.answer import answer
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.endings import roll_back
from headrace.engine.observations import Observations
from headrace.engine.plan import Plan
from headrace.engine.steps import ALL_STABLE

PATIENCE = 300.0
"""Seconds after which a deletion waits for no servers: what serves by then is left as it is."""


def leaving(
    spec: RolloutSpec, status: Status, observations: Observations, now: float
) -> Tick | None:
    """Give the tick of a resource that is being deleted.

    Returns:
        None while the rollout is rolling back already, which goes on as ever.
    """
    assert observations.deleting is not None
    late = now - observations.deleting > PATIENCE
    if spec.on_delete is OnDelete.DELETE:
        return _empty(spec, status, "onDelete is Delete: everything goes", now)
    if observations.world.ending:
        return _empty(spec, status, "its namespace is being deleted: nothing stays", now)
    if status.stable is None:
        return _empty(spec, status, "no version was live yet: nothing stays", now)
    if late:
        message = f"not settled within {PATIENCE:.0f} s: everything stays as it is"
        return _gone(answer(spec, status, _hold(message), status.weights.asked, now))
    if status.phase is Phase.ROLLING_BACK:
        return None
    if status.candidate is not None:
        message = f"the rollout is deleted; {status.stable} gets all the users"
        decision = Decision(Action.ROLL_BACK, "Deleted", message)
        return roll_back(spec, status, decision, observations.world, now)
    status = status.model_copy(update={"previous": None, "undoing": ""})
    message = f"the rollout is deleted; {status.stable} stays and has all the users"
    # At rest the router has long said that stable has them all, whatever it says now.
    return _gone(answer(spec, status, _hold(message), ALL_STABLE, now))


def _hold(message: str) -> Decision:
    return Decision(Action.HOLD, "Deleted", message)


def _empty(spec: RolloutSpec, status: Status, message: str, now: float) -> Tick:
    said = answer(spec, status, _hold(message), Traffic(), now)
    return replace(said, plan=Plan(None, None, Traffic()), farewell=True)


def _gone(tick: Tick) -> Tick:
    return replace(tick, farewell=True)
