"""A tick while nothing is under test, and the first version's way to the users."""

from __future__ import annotations

from headrace.api import Before, ModelSpec, Phase, RolloutSpec, Status, Traffic
from headrace.engine.answer import answer
from headrace.engine.asks import fresh, said, taken
from headrace.engine.barriers import Barrier, Passage, barrier
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.health import cannot_serve, is_complete, readiness, state_of
from headrace.engine.lifecycle import (
    begin,
    ending_of,
    finish,
    forget_unnamed,
    rejected_in,
    wanted,
)
from headrace.engine.observations import Observations, Wish
from headrace.engine.return_way import asked_back, can_go_back, go_on_back, goes_back
from headrace.engine.steps import ALL_STABLE
from headrace.engine.strategies.build import strategy_of


def at_rest(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Begin a rollout if the spec names a version that was not tried yet; else stay."""
    ask, world = fresh(status, observations.ask), observations.world
    kept = not status.undoing and can_go_back(status, world)
    if ask is not None and ask.wish in (Wish.ABORT, Wish.UNDO):
        status = asked_back(spec, status, ask, world, now)
    elif ask is not None and ask.wish is not Wish.RETRY:
        status = taken(status, ask, "nothing is under way", now)
    if status.undoing:
        return go_on_back(spec, status, world, now, at_once=kept)
    status = _let_go(status, now)
    retry = ask is not None and ask.wish is Wish.RETRY
    models = wanted(spec, status, again=retry)
    if not models or (status.stable is None and spec.model not in models):
        if ask is not None and retry:
            status = taken(status, ask, "there is nothing to try again", now)
        return _stays(spec, status, now)
    if status.stable is None:
        models = (spec.model,)
    returns = status.previous is not None and models == (status.previous.model,)
    if returns and can_go_back(status, world):
        return goes_back(spec, status, f"the spec names {models[0].version} again", "", now)
    decision = _starting(status, models)
    barred = _barred(spec, models, decision, observations)
    if barred is not None:
        traffic = ALL_STABLE if status.stable else Traffic()
        return answer(spec, status, barred.decision, traffic, now, (), barred.questions)
    if ask is not None and retry:
        status = taken(status, ask, decision.message, now)
    return answer(spec, begin(status, spec, models, now), decision, ALL_STABLE, now)


def _starting(status: Status, models: tuple[ModelSpec, ...]) -> Decision:
    if status.stable is None:
        return Decision(Action.ADVANCE, "FirstVersionStarts", f"{models[0]} starts")
    names = " and ".join(str(model) for model in models)
    message = f"{names} starts beside {status.stable.version}"
    return Decision(Action.ADVANCE, "RolloutStarts", message)


def _barred(
    spec: RolloutSpec,
    models: tuple[ModelSpec, ...],
    decision: Decision,
    observations: Observations,
) -> Barrier | None:
    """Give what is in the way of a new rollout."""
    steps, version = strategy_of(spec).steps, "+".join(model.version for model in models)
    traffic = steps[0].traffic if steps else ALL_STABLE
    return barrier(spec, observations, Passage(Before.ROLLOUT, decision, version, 0, traffic))


def _stays(spec: RolloutSpec, status: Status, now: float) -> Tick:
    if spec.model == status.stable:
        status = forget_unnamed(status, spec)
        status = status.model_copy(update={"phase": Phase.HEALTHY})
        message = f"{spec.model} has all the users"
        if status.previous is not None:
            message += f"; {status.previous.model.version} still runs as a way back"
        return answer(spec, status, Decision(Action.HOLD, "Live", message), ALL_STABLE, now)
    out = [model.version for model in rejected_in(status)]
    tried = next((entry for entry in reversed(status.history) if entry.version in out), None)
    decision = Decision(
        Action.HOLD,
        tried.reason if tried else "RolledBack",
        tried.message if tried else f"{', '.join(out)} was rolled back",
    )
    traffic = ALL_STABLE if status.stable else Traffic()
    return answer(spec, status, decision, traffic, now)


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
    ask = fresh(status, observations.ask)
    if ask is not None and ask.wish in (Wish.ABORT, Wish.UNDO):
        gone = "Aborted", said(ask)
        status = taken(status, ask, gone[1], now).model_copy(update={"ended_by": ask.by})
    elif ask is not None:
        message = "the first version has nothing to wait for but its servers"
        status = taken(status, ask, message, now)
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
