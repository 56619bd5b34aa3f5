"""A tick while versions are under test: Progressing and Paused."""

from __future__ import annotations

from headrace.api import Phase, RolloutSpec, Status
from headrace.engine.accounting import account
from headrace.engine.answer import answer
from headrace.engine.asks import heed
from headrace.engine.checks.build import checks_of
from headrace.engine.comparing import compare
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.foresight import foresee
from headrace.engine.health import (
    cannot_serve,
    is_complete,
    is_ready,
    never_came_up,
    readiness,
    retreat,
    state_of,
)
from headrace.engine.lifecycle import drop, enter_step, leave_test, note_arrival, switch
from headrace.engine.machine import next_decision
from headrace.engine.observations import Observations, World
from headrace.engine.risk import for_comparisons
from headrace.engine.steps import ALL_CANDIDATE, withhold
from headrace.engine.strategies.base import Arm, Scene, Strategy
from headrace.engine.strategies.build import strategy_of
from headrace.engine.verdicts import Verdict
from headrace.engine.watching import with_watch

Verdicts = tuple[Verdict, ...]


def under_test(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Judge the candidates and take the next step."""
    strategy = strategy_of(spec)
    traffic = strategy.traffic(status)
    status = note_arrival(status, traffic, now)
    checks = checks_of(spec.analysis)
    analysis = for_comparisons(
        spec.analysis,
        1 + len(status.challengers),
        watched=strategy.after.post_promotion is not None,
    )
    status, arms = compare(
        analysis, checks, status, observations, traffic, now, sticky=strategy.sticky
    )
    status = foresee(analysis, strategy, status, observations, now)
    status = account(strategy.learn(status, observations, now), observations)
    status, asked = heed(strategy, status, observations.ask)
    verdicts = tuple(verdict for arm in arms for verdict in arm.judgement.verdicts)
    world = observations.world
    decision = asked or _dead(spec, status, arms, world, now)
    if decision is None and world.problem:
        decision = Decision(Action.HOLD, "PlatformUnavailable", world.problem)
    unready: dict[str, str] = {}
    if decision is None:
        decision = next_decision(strategy, Scene(analysis, checks, status, arms, now))
        if decision.action is not Action.ROLL_BACK:
            unready = _unready(status, arms, world)
    if unready:
        message = f"{'; '.join(unready.values())}; it gets no traffic until it is ready"
        decision = Decision(Action.HOLD, "CandidateNotReady", message)
        traffic = withhold(strategy.traffic(status), status, unready)
        return answer(spec, status, decision, traffic, now, verdicts)
    return carry_out(spec, strategy, status, decision, world, now, verdicts)


def carry_out(
    spec: RolloutSpec,
    strategy: Strategy,
    status: Status,
    decision: Decision,
    world: World,
    now: float,
    verdicts: Verdicts = (),
) -> Tick:
    """Turn a decision into a status and a plan."""
    match decision.action:
        case Action.ROLL_BACK | Action.DISCARD:
            traffic = retreat(status, world)
            status = leave_test(status, Phase.ROLLING_BACK, decision)
            return answer(spec, status, decision, traffic, now, verdicts)
        case Action.PROMOTE:
            status = with_watch(switch(status, decision), spec, strategy)
            return answer(spec, status, decision, ALL_CANDIDATE, now, verdicts)
        case Action.ADVANCE:
            status = enter_step(status, status.step + 1)
        case Action.DROP:
            status = drop(status, decision)
        case Action.PAUSE:
            status = status.model_copy(update={"phase": Phase.PAUSED})
        case Action.HOLD:
            pass
    return answer(spec, status, decision, strategy.traffic(status), now, verdicts)


def _dead(
    spec: RolloutSpec, status: Status, arms: tuple[Arm, ...], world: World, now: float
) -> Decision | None:
    for arm in arms:
        gone = cannot_serve(status, world, arm.model, now) or never_came_up(
            spec.serving, status, world, arm.model, now
        )
        if gone is not None:
            action = Action.DROP if len(arms) > 1 else Action.ROLL_BACK
            return Decision(action, *gone, arm.model.version)
    return None


def _unready(status: Status, arms: tuple[Arm, ...], world: World) -> dict[str, str]:
    """Say of every candidate that cannot be sent requests now why that is so."""
    unready = {}
    for arm in arms:
        state = state_of(world, arm.model)
        starting = status.carried_since is None and not is_complete(state)
        if starting or not is_ready(state):
            unready[arm.model.version] = f"{arm.model}: {readiness(state)}"
    return unready
