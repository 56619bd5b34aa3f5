"""A tick while versions are under test: Progressing and Paused."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.api import Before, Phase, RolloutSpec, Status, Traffic
from headrace.engine.accounting import account
from headrace.engine.answer import answer
from headrace.engine.asks import heed
from headrace.engine.barriers import BARRED, Barrier, Passage, barrier, frozen, rises
from headrace.engine.checks.build import checks_of
from headrace.engine.comparing import compare
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.foresight import foresee
from headrace.engine.health import (
    cannot_serve,
    carried,
    is_complete,
    is_ready,
    leads_nowhere,
    never_came_up,
    readiness,
    retreat,
    state_of,
)
from headrace.engine.lifecycle import (
    drop,
    enter_step,
    leave_test,
    note_arrival,
    note_reading,
    pause,
    switch,
)
from headrace.engine.machine import next_decision
from headrace.engine.observations import UNREAD, Observations, Wish, World
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
    status = note_reading(note_arrival(status, traffic, now), observations, now)
    checks = checks_of(spec.analysis)
    analysis = for_comparisons(
        spec.analysis,
        1 + len(status.challengers),
        watched=strategy.after.post_promotion is not None,
    )
    held = status.held
    status, arms = compare(
        analysis, checks, status, observations, traffic, now, sticky=strategy.sticky
    )
    status = _note_waiting(status, held)
    status = foresee(analysis, strategy, status, observations, now)
    status = account(strategy.learn(status, observations, now), observations)
    verdicts = tuple(verdict for arm in arms for verdict in arm.judgement.verdicts)
    world = observations.world
    barred = None
    heeded, asked = heed(strategy, status, observations.ask, now)
    if asked is None:
        status = heeded
    else:
        ask = observations.ask
        if ask is None or ask.wish is not Wish.PROMOTE_FULL:
            barred = _barred(spec, strategy, heeded, asked, observations)
        if barred is None:
            return carry_out(spec, strategy, heeded, asked, observations, now, verdicts)
    decision = _dead(spec, status, arms, world, now)
    if decision is None and world.problem:
        decision = Decision(Action.HOLD, "PlatformUnavailable", world.problem)
    if decision is None and leads_nowhere(status, world, _allowed(strategy, status, observations)):
        message = f"{status.stable} has no server, and its users stay where they are until it has"
        decision = Decision(Action.HOLD, "StableNotReady", message)
        return answer(spec, status, decision, carried(status), now, verdicts)
    if decision is None:
        decision = next_decision(strategy, Scene(analysis, checks, status, arms, now))
        unready = _unready(status, arms, world)
        waiting = _waiting_for_servers(unready) or _waiting_for_numbers(status, observations)
        if waiting is not None and decision.action is not Action.ROLL_BACK:
            out = unready or {arm.model.version for arm in arms}
            traffic = withhold(_allowed(strategy, status, observations), status, out)
            return answer(spec, status, waiting, traffic, now, verdicts)
    traffic = _allowed(strategy, status, observations)
    if decision.action is not Action.HOLD:
        barred = _barred(spec, strategy, status, decision, observations)
    elif barred is None and traffic != strategy.traffic(status):
        barred = frozen(observations, decision)
    if barred is not None:
        return answer(spec, status, barred.decision, traffic, now, verdicts, barred.questions)
    return carry_out(spec, strategy, status, decision, observations, now, verdicts)


def _barred(
    spec: RolloutSpec,
    strategy: Strategy,
    status: Status,
    decision: Decision,
    observations: Observations,
) -> Barrier | None:
    """Give what is in the way of a decision."""
    assert status.candidate is not None
    version = decision.version or status.candidate.version
    if decision.action is Action.PROMOTE:
        passage = Passage(Before.PROMOTION, decision, version, status.step, ALL_CANDIDATE)
        return barrier(spec, observations, passage)
    if decision.action is not Action.ADVANCE:
        return None
    step = status.step + 1
    wanted = strategy.traffic(enter_step(status, step))
    if not rises(wanted, status.weights.asked):
        return None
    return barrier(spec, observations, Passage(Before.STEP, decision, version, step, wanted))


def _allowed(strategy: Strategy, status: Status, observations: Observations) -> Traffic:
    """Give the traffic of now; in a freeze that of the last tick, where more is wanted."""
    wanted, carried = strategy.traffic(status), status.weights.asked
    return carried if observations.frozen and rises(wanted, carried) else wanted


def _note_waiting(status: Status, held: float) -> Status:
    """Add to the time that went by while it could not go on, whatever the checks said."""
    last = status.decision
    waits = status.phase is Phase.PAUSED or (last is not None and last.reason in BARRED)
    more = max(0.0, status.held - held) if waits else 0.0
    return status.model_copy(update={"waited": status.waited + more}) if more else status


def carry_out(
    spec: RolloutSpec,
    strategy: Strategy,
    status: Status,
    decision: Decision,
    observations: Observations,
    now: float,
    verdicts: Verdicts = (),
) -> Tick:
    """Turn a decision into a status and a plan."""
    match decision.action:
        case Action.ROLL_BACK | Action.DISCARD:
            traffic = retreat(status, observations.world)
            status = leave_test(status, Phase.ROLLING_BACK, decision)
            return answer(spec, status, decision, traffic, now, verdicts)
        case Action.PROMOTE:
            status = with_watch(switch(status, decision), spec, strategy)
            return answer(spec, status, decision, ALL_CANDIDATE, now, verdicts)
        case Action.ADVANCE:
            status = enter_step(status, status.step + 1)
        case Action.DROP:
            # The others have what it had, even in a freeze: those users must go somewhere.
            status = drop(status, decision)
            return answer(spec, status, decision, strategy.traffic(status), now, verdicts)
        case Action.PAUSE:
            status = pause(status, decision, now)
        case Action.HOLD:
            pass
    traffic = _allowed(strategy, status, observations)
    return answer(spec, status, decision, traffic, now, verdicts)


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


def _waiting_for_servers(unready: Mapping[str, str]) -> Decision | None:
    if not unready:
        return None
    message = f"{'; '.join(unready.values())}; it gets no traffic until it is ready"
    return Decision(Action.HOLD, "CandidateNotReady", message)


def _waiting_for_numbers(status: Status, observations: Observations) -> Decision | None:
    """Give nobody users whom nobody could take back for what they do.

    Who has some keeps them: numbers that are missing are not bad.
    """
    asked, last = status.weights.asked, status.decision
    if asked.live or asked.mirror:
        return None
    until = f"{status.candidate} gets no traffic until its numbers are read"
    problem = next((one for one in observations.problems if one.reason in UNREAD), None)
    if problem is not None:
        return Decision(Action.HOLD, problem.reason, f"{problem.message}; {until}")
    if status.read_since is not None:
        return None
    if last is not None and last.reason in UNREAD:
        return Decision(Action.HOLD, last.reason, last.message)
    return Decision(Action.HOLD, "NumbersNotRead", until)
