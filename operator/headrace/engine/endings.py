"""A tick while a rollout ends: Promoting, with the watch after the switch, and RollingBack.

Users are never moved to a version that is seen to have no server, whatever was decided before:
a promotion whose candidate dies goes back if stable lives, and holds still if it does not; one
whose stable dies goes on; a rollback whose stable dies leaves users where they are served.
"""

from __future__ import annotations

from headrace.api import Ending, ModelSpec, Phase, RolloutSpec, Status
from headrace.engine.accounting import account
from headrace.engine.answer import answer
from headrace.engine.asks import fresh, said, taken
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.health import (
    cannot_serve,
    carried,
    is_down,
    is_ready,
    readiness,
    retreat,
    state_of,
)
from headrace.engine.lifecycle import ADOPTED, Outcome, finish, leave_test, note_arrival, switch
from headrace.engine.observations import Ask, Observations, Wish, World
from headrace.engine.steps import ALL_CANDIDATE, ALL_STABLE
from headrace.engine.strategies.build import strategy_of
from headrace.engine.watching import watch

SETTLING_INTERVALS = 2
"""Intervals between the last moved request and the end of a rollout: open requests end, and the
scrapes that count them come in."""


def promoting(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Move all users to the candidate; stable runs on until they have moved and are watched."""
    model = status.candidate
    assert model is not None
    status, world = account(status, observations), observations.world
    ask = fresh(status, observations.ask)
    if ask is not None:
        status, decision = _asked_while_promoting(status, ask, now)
        if decision is not None:
            return roll_back(spec, status, decision, world, now)
    if model not in spec.versions and (why := _ending(status)).hold:
        if spec.model == status.stable:
            message = f"the spec names {spec.model.version} again; {model.version} is taken back"
            decision = Decision(Action.ROLL_BACK, "Superseded", message)
            return roll_back(spec, status, decision, world, now)
        status = status.model_copy(update={"ending": why.model_copy(update={"hold": 0.0})})
    stranded = _stranded(spec, status, model, world, now)
    if stranded is not None:
        return stranded
    status = note_arrival(status, ALL_CANDIDATE, now)
    ending = _ending(status)
    if ending.hold and status.carried_since is not None:
        status, decision = watch(spec, status, ending, observations, now)
        if decision.action is Action.ROLL_BACK:
            return roll_back(spec, status, decision, world, now)
        if decision.action is Action.HOLD:
            return answer(spec, status, decision, ALL_CANDIDATE, now)
    decision = Decision(Action.PROMOTE, ending.reason, ending.message)
    if is_ready(state_of(world, model)) and _has_settled(spec, status, now):
        after = strategy_of(spec).after
        status = finish(status, "Promoted", ending, now, after.keep_previous)
        return answer(spec, status, decision, ALL_STABLE, now)
    return answer(spec, status, decision, ALL_CANDIDATE, now)


def rolling_back(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Take the users away from the candidates; their servers go once that is seen."""
    world, ending = observations.world, _ending(status)
    status = account(status, observations)
    ask = fresh(status, observations.ask)
    wishes = (Wish.PROMOTE, Wish.PROMOTE_FULL)
    if ask is not None and ask.wish in wishes and is_down(state_of(world, status.stable)):
        # The only way out if stable never comes back.
        message = f"{said(ask)}: {status.stable} has no server"
        status = taken(status, ask, message, now).model_copy(update={"ended_by": ask.by})
        version = strategy_of(spec).favourite(status)
        decision = Decision(Action.PROMOTE, "PromotedByPerson", message, version)
        return answer(spec, switch(status, decision), decision, ALL_CANDIDATE, now)
    status = note_arrival(status, ALL_STABLE, now)
    decision = Decision(Action(ending.action), ending.reason, ending.message)
    traffic = retreat(status, world)
    if traffic != ALL_STABLE:
        message = f"{ending.message}; {status.stable} has no server, so that users stay for now"
        decision = Decision(decision.action, decision.reason, message)
        status = status.model_copy(update={"carried_since": None})
    elif _has_settled(spec, status, now):
        status = finish(status, _outcome(ending), ending, now)
    return answer(spec, status, decision, traffic, now)


def _ending(status: Status) -> Ending:
    assert status.ending is not None, "this phase begins with its reason"
    return status.ending


def _outcome(ending: Ending) -> Outcome:
    if ending.reason in ("Superseded", ADOPTED):
        return "Superseded"
    return "Discarded" if ending.action == Action.DISCARD else "RolledBack"


def _asked_while_promoting(status: Status, ask: Ask, now: float) -> tuple[Status, Decision | None]:
    match ask.wish:
        case Wish.ABORT | Wish.UNDO:
            message = f"{said(ask)} during the promotion"
            status = status.model_copy(update={"ended_by": ask.by})
            decision = Decision(Action.ROLL_BACK, "Aborted", message)
            return taken(status, ask, message, now), decision
        case Wish.PROMOTE | Wish.PROMOTE_FULL:
            message = "the new version is not watched any longer"
            update = {"ending": _ending(status).model_copy(update={"hold": 0.0})}
            return taken(status.model_copy(update=update), ask, message, now), None
    message = "its users are moving already; `headrace abort` takes it back"
    return taken(status, ask, message, now), None


def roll_back(
    spec: RolloutSpec, status: Status, decision: Decision, world: World, now: float
) -> Tick:
    """Give the users back to stable, if it can take them."""
    traffic = retreat(status, world)
    status = leave_test(status, Phase.ROLLING_BACK, decision)
    return answer(spec, status, decision, traffic, now)


def _stranded(
    spec: RolloutSpec, status: Status, model: ModelSpec, world: World, now: float
) -> Tick | None:
    """Answer for a candidate that has no server; None if it has, or if nobody can tell."""
    state, stable = state_of(world, model), state_of(world, status.stable)
    gone = cannot_serve(status, world, model, now)
    if gone is None and not is_down(state):
        return None
    if is_down(stable):
        message = f"neither {model} nor {status.stable} has a server; nothing moves until one has"
        status = status.model_copy(update={"carried_since": None})
        decision = Decision(Action.HOLD, "NoVersionReady", message)
        return answer(spec, status, decision, carried(status), now)
    if gone is not None:
        return roll_back(spec, status, Decision(Action.ROLL_BACK, *gone), world, now)
    if not is_ready(stable):
        return None
    message = f"{model}: {readiness(state)}; {status.stable} has its users until it is back"
    status = status.model_copy(update={"carried_since": None})
    decision = Decision(Action.HOLD, "CandidateNotReady", message)
    return answer(spec, status, decision, ALL_STABLE, now)


def _has_settled(spec: RolloutSpec, status: Status, now: float) -> bool:
    since = status.carried_since
    return since is not None and now - since >= SETTLING_INTERVALS * spec.analysis.interval
