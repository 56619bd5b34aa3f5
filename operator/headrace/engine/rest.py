"""A tick while nothing is under test, and the first version's way to the users."""

from __future__ import annotations

from headrace.api import Phase, RolloutSpec, Status, Traffic
from headrace.engine.answer import answer
from headrace.engine.asks import fresh, taken
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.health import cannot_serve, is_complete, is_ready, readiness, state_of
from headrace.engine.lifecycle import (
    begin,
    ending_of,
    finish,
    forget_unnamed,
    go_back,
    rejected_in,
    wanted,
)
from headrace.engine.observations import Observations, Wish, World
from headrace.engine.steps import ALL_STABLE


def at_rest(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Begin a rollout if the spec names a version that was not tried yet; else stay."""
    ask = fresh(status, observations.ask)
    if ask is not None:
        status = taken(status, ask)
        if ask.wish is Wish.ABORT and _can_go_back(status, observations.world):
            message = f"{ask.by} said `headrace abort`: {_back(status)}"
            decision = Decision(Action.ROLL_BACK, "WentBack", message)
            status = go_back(status, decision, ask.by, now)
            return answer(spec, status, decision, ALL_STABLE, now)
    status = _let_go(status, now)
    retry = ask is not None and ask.wish is Wish.RETRY
    models = wanted(spec, status, again=retry)
    if not models or (status.stable is None and spec.model not in models):
        return _stays(spec, status, now)
    returns = status.previous is not None and models == (status.previous.model,)
    if returns and _can_go_back(status, observations.world):
        message = f"the spec names {models[0].version} again: {_back(status)}"
        decision = Decision(Action.ROLL_BACK, "WentBack", message)
        status = go_back(status, decision, "", now)
        return answer(spec, status, decision, ALL_STABLE, now)
    if status.stable is None:
        status = begin(status, spec, (spec.model,), now)
        decision = Decision(Action.ADVANCE, "FirstVersionStarts", f"{spec.model} starts")
        return answer(spec, status, decision, ALL_STABLE, now)
    status = begin(status, spec, models, now)
    names = " and ".join(str(model) for model in models)
    message = f"{names} starts beside {status.stable.version}" if status.stable else ""
    return answer(spec, status, Decision(Action.ADVANCE, "RolloutStarts", message), ALL_STABLE, now)


def _stays(spec: RolloutSpec, status: Status, now: float) -> Tick:
    last = status.decision
    if spec.model == status.stable:
        status = forget_unnamed(status, spec)
        status = status.model_copy(update={"phase": Phase.HEALTHY})
        message = f"{spec.model} has all the users"
        if status.previous is not None:
            message += f"; {status.previous.model.version} still runs as a way back"
        return answer(spec, status, Decision(Action.HOLD, "Live", message), ALL_STABLE, now)
    out = ", ".join(model.version for model in rejected_in(status))
    decision = Decision(
        Action.HOLD,
        last.reason if last else "RolledBack",
        last.message if last else f"{out} was rolled back",
    )
    traffic = ALL_STABLE if status.stable else Traffic()
    return answer(spec, status, decision, traffic, now)


def _can_go_back(status: Status, world: World) -> bool:
    previous = status.previous
    return previous is not None and is_ready(state_of(world, previous.model))


def _back(status: Status) -> str:
    assert status.previous is not None
    return f"back to {status.previous.model.version}, which still runs"


def _let_go(status: Status, now: float) -> Status:
    if status.previous is None or now < status.previous.until:
        return status
    return status.model_copy(update={"previous": None})


def first_version(
    spec: RolloutSpec, status: Status, observations: Observations, now: float
) -> Tick:
    """Nothing is live yet, so there is nothing to compare with: ready means live."""
    model = status.candidate
    assert model is not None
    if spec.model != model:
        status = begin(status, spec, (spec.model,), now)
        message = f"the spec now names {spec.model.version}"
        return answer(
            spec, status, Decision(Action.ADVANCE, "Superseded", message), ALL_STABLE, now
        )
    state = state_of(observations.world, model)
    gone = cannot_serve(status, observations.world, model, now)
    if gone:
        decision = Decision(Action.ROLL_BACK, *gone)
        status = finish(status, "RolledBack", ending_of(decision), now)
        return answer(spec, status, decision, Traffic(), now)
    if not is_complete(state) or status.weights.seen != ALL_STABLE:
        message = f"{model}: {readiness(state)}"
        decision = Decision(Action.HOLD, "WaitingForServers", message)
        return answer(spec, status, decision, ALL_STABLE, now)
    message = f"{model} is the first version and has all the users"
    decision = Decision(Action.PROMOTE, "FirstVersionLive", message)
    status = finish(status, "Live", ending_of(decision), now)
    return answer(spec, status, decision, ALL_STABLE, now)
