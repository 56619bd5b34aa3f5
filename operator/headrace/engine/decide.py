"""The one way in and out of the engine.

`decide` is called at every tick with the resource as it was last written and with what has been
observed since. It answers with what should exist and what to remember. It looks at levels, not
at edges: called again with the same input it asks for the same world.
"""

from __future__ import annotations

from headrace.api import (
    Condition,
    DecisionStatus,
    Phase,
    RolloutSpec,
    Status,
    Traffic,
    Weights,
)
from headrace.engine.accounting import account
from headrace.engine.checks.build import checks_of, metrics_of
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.judgement import Judgement, absorb, judge
from headrace.engine.lifecycle import begin, enter_step, finish, has_arrived, leave_test
from headrace.engine.observations import MetricKey, Observations, VersionState, Wish
from headrace.engine.plan import Plan
from headrace.engine.steps import ALL_CANDIDATE, ALL_STABLE, describe, traffic_at
from headrace.engine.strategies import canary

SETTLING_INTERVALS = 2
"""Intervals between the last moved request and the end of a rollout: open requests end, and the
scrapes that count them come in."""

CRASHES_ALLOWED = 3
"""Unplanned restarts of a candidate before it counts as one that keeps crashing."""


def wanted_metrics(spec: RolloutSpec, status: Status) -> tuple[MetricKey, ...]:
    """Name the metrics that the next `decide` can use; none while nothing is under test."""
    if status.candidate is None or status.stable is None:
        return ()
    return metrics_of(spec.analysis)


def decide(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """Judge what was observed and say what happens next.

    Args:
        spec: What the user wants.
        status: As the last tick left it.
        observations: Fresh intervals, each increment once, and what exists.
        now: Unix seconds; nothing else in the engine knows the time.

    Returns:
        The decision with its sentence, the plan, and the status to write.
    """
    status = _see(status, observations)
    if status.phase is Phase.PROMOTING:
        return _promoting(spec, status, observations, now)
    if status.phase is Phase.ROLLING_BACK:
        return _rolling_back(spec, status, observations, now)
    if status.candidate is None:
        return _at_rest(spec, status, observations, now)
    if status.stable is None:
        return _first_version(spec, status, observations, now)
    if spec.model != status.candidate:
        name = "stable" if spec.model == status.stable else spec.model.version
        message = f"the spec now names {name}; {status.candidate.version} is taken back"
        return _roll_back(status, Decision(Action.ROLL_BACK, "Superseded", message), now)
    return _under_test(spec, status, observations, now)


def _see(status: Status, observations: Observations) -> Status:
    weights = status.weights.model_copy(update={"seen": observations.world.traffic})
    return status.model_copy(update={"weights": weights})


def _at_rest(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    ask = observations.ask
    retry = ask is not None and ask.wish is Wish.RETRY and ask.identity != status.asked
    if ask is not None:
        status = status.model_copy(update={"asked": ask.identity})
    if spec.model == status.stable:
        decision = Decision(Action.HOLD, "Live", f"{spec.model} has all the users")
        status = status.model_copy(update={"phase": Phase.HEALTHY, "rejected": None})
        return _tick(status, decision, ALL_STABLE, now)
    if spec.model == status.rejected and not retry:
        last = status.decision
        decision = Decision(
            Action.HOLD,
            last.reason if last else "RolledBack",
            last.message if last else f"{spec.model} was rolled back",
        )
        return _tick(status, decision, ALL_STABLE if status.stable else Traffic(), now)
    status = begin(status, spec.analysis, spec.model, now)
    if status.stable is None:
        decision = Decision(Action.ADVANCE, "FirstVersionStarts", f"{spec.model} starts")
        return _tick(status, decision, ALL_STABLE, now)
    message = f"{spec.model} starts beside {status.stable.version}"
    return _tick(status, Decision(Action.ADVANCE, "RolloutStarts", message), ALL_STABLE, now)


def _first_version(
    spec: RolloutSpec, status: Status, observations: Observations, now: float
) -> Tick:
    """Nothing is live yet, so there is nothing to compare with: ready means live."""
    model = status.candidate
    assert model is not None
    if spec.model != model:
        status = begin(status, spec.analysis, spec.model, now)
        message = f"the spec now names {spec.model.version}"
        return _tick(status, Decision(Action.ADVANCE, "Superseded", message), ALL_STABLE, now)
    state = observations.world.versions.get(model.version)
    gone = _cannot_serve(state)
    if gone:
        decision = Decision(Action.ROLL_BACK, gone[0], gone[1])
        status = finish(status, "RolledBack", *gone, "headrace", now)
        return _tick(status, decision, Traffic(), now)
    if state is None or state.ready < state.wanted or not has_arrived(status, ALL_STABLE):
        message = f"{model}: {_readiness(state)}"
        return _tick(status, Decision(Action.HOLD, "WaitingForServers", message), ALL_STABLE, now)
    message = f"{model} is the first version and has all the users"
    status = finish(status, "Live", "FirstVersionLive", message, "headrace", now)
    return _tick(status, Decision(Action.PROMOTE, "FirstVersionLive", message), ALL_STABLE, now)


def _under_test(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    model, started = status.candidate, status.started or now
    assert model is not None
    steps = spec.strategy.canary.steps
    traffic = traffic_at(steps, status.step)
    live = traffic.candidate > 0
    status = _note_arrival(status, traffic, now)
    checks = checks_of(spec.analysis)
    absorbed = absorb(
        checks,
        status.checks,
        observations.intervals,
        live=live,
        carried_since=status.carried_since,
        share=traffic.candidate / 100 if live else None,
    )
    judgement = judge(
        spec.analysis, checks, absorbed, observations.problems, live=live, started=started, now=now
    )
    concerned = {check.name for check in checks if check.required and check.reads(live=live)}
    held = [s.held for s in judgement.statuses if s.name in concerned]
    status = status.model_copy(
        update={
            "checks": list(judgement.statuses),
            "held": min(held, default=status.held),
        }
    )
    status = account(status, observations)
    status, asked = _heed(spec, status, observations)
    state = observations.world.versions.get(model.version)
    gone = _cannot_serve(state)
    if asked is not None:
        decision = asked
    elif gone:
        decision = Decision(Action.ROLL_BACK, *gone)
    elif observations.world.problem:
        decision = Decision(Action.HOLD, "PlatformUnavailable", observations.world.problem)
    else:
        decision = canary.next_decision(
            spec.strategy.canary, spec.analysis, checks, status, judgement, now
        )
        if decision.action is not Action.ROLL_BACK and (
            state is None or state.ready == 0 or (status.carried_since is None and not _all(state))
        ):
            message = f"{model}: {_readiness(state)}; it gets no traffic until it is ready"
            decision = Decision(Action.HOLD, "CandidateNotReady", message)
            return _tick(status, decision, ALL_STABLE, now, judgement)
    return _carry_out(spec, status, decision, now, judgement)


def _heed(
    spec: RolloutSpec, status: Status, observations: Observations
) -> tuple[Status, Decision | None]:
    """Carry out a person's request, once."""
    ask = observations.ask
    if ask is None or ask.identity == status.asked:
        return status, None
    status = status.model_copy(update={"asked": ask.identity})
    steps = spec.strategy.canary.steps
    if ask.wish is Wish.ABORT:
        status = status.model_copy(update={"ended_by": ask.by})
        return status, Decision(Action.ROLL_BACK, "Aborted", f"{ask.by} said `headrace abort`")
    if status.phase is Phase.PAUSED:
        at_approval = status.step < len(steps) and steps[status.step].approval is not None
        if at_approval and status.step + 1 < len(steps):
            then = describe(traffic_at(steps, status.step + 1))
            message = f"{ask.by} approved; the candidate now gets {then}"
            return status, Decision(Action.ADVANCE, "Approved", message)
        if at_approval:
            status = enter_step(status, len(steps))
            return status, Decision(Action.HOLD, "Approved", f"{ask.by} approved the last step")
        if ask.wish is Wish.RETRY:
            status = status.model_copy(update={"phase": Phase.PROGRESSING})
            return status, Decision(Action.HOLD, "Resumed", f"{ask.by} said `headrace retry`")
    if ask.wish is Wish.PROMOTE:
        status = status.model_copy(update={"ended_by": ask.by})
        message = f"{ask.by} said `headrace promote`, without further proof"
        return status, Decision(Action.PROMOTE, "PromotedByPerson", message)
    return status, None


def _carry_out(
    spec: RolloutSpec, status: Status, decision: Decision, now: float, judgement: Judgement
) -> Tick:
    steps = spec.strategy.canary.steps
    if decision.action is Action.ROLL_BACK:
        return _roll_back(status, decision, now, judgement)
    if decision.action is Action.PROMOTE:
        status = leave_test(status, Phase.PROMOTING)
        return _tick(status, decision, ALL_CANDIDATE, now, judgement)
    if decision.action is Action.ADVANCE:
        status = enter_step(status, status.step + 1)
    elif decision.action is Action.PAUSE:
        status = status.model_copy(update={"phase": Phase.PAUSED})
    return _tick(status, decision, traffic_at(steps, status.step), now, judgement)


def _roll_back(
    status: Status, decision: Decision, now: float, judgement: Judgement | None = None
) -> Tick:
    status = leave_test(status, Phase.ROLLING_BACK)
    return _tick(status, decision, ALL_STABLE, now, judgement)


def _promoting(spec: RolloutSpec, status: Status, observations: Observations, now: float) -> Tick:
    """All users move to the candidate; stable stays until they are seen to have moved."""
    model, last = status.candidate, status.decision
    assert model is not None
    assert last is not None
    ask = observations.ask
    state = observations.world.versions.get(model.version)
    if ask is not None and ask.identity != status.asked and ask.wish is Wish.ABORT:
        status = status.model_copy(update={"asked": ask.identity, "ended_by": ask.by})
        message = f"{ask.by} said `headrace abort` during the promotion"
        return _roll_back(status, Decision(Action.ROLL_BACK, "Aborted", message), now)
    gone = _cannot_serve(state)
    if gone:
        return _roll_back(status, Decision(Action.ROLL_BACK, *gone), now)
    status = _note_arrival(account(status, observations), ALL_CANDIDATE, now)
    decision = Decision(Action.PROMOTE, last.reason, last.message)
    if state is not None and state.ready and _has_settled(spec, status, now):
        by = status.ended_by or "headrace"
        status = finish(status, "Promoted", last.reason, last.message, by, now)
        return _tick(status, decision, ALL_STABLE, now)
    return _tick(status, decision, ALL_CANDIDATE, now)


def _rolling_back(
    spec: RolloutSpec, status: Status, observations: Observations, now: float
) -> Tick:
    """No user reaches the candidate any more; its servers go once that is seen."""
    last = status.decision
    assert last is not None
    status = _note_arrival(account(status, observations), ALL_STABLE, now)
    decision = Decision(Action.ROLL_BACK, last.reason, last.message)
    if _has_settled(spec, status, now):
        outcome = "Superseded" if last.reason == "Superseded" else "RolledBack"
        by = status.ended_by or "headrace"
        status = finish(
            status,
            "Superseded" if outcome == "Superseded" else "RolledBack",
            last.reason,
            last.message,
            by,
            now,
        )
    return _tick(status, decision, ALL_STABLE, now)


def _note_arrival(status: Status, traffic: Traffic, now: float) -> Status:
    if status.carried_since is None and has_arrived(status, traffic):
        return status.model_copy(update={"carried_since": now})
    return status


def _has_settled(spec: RolloutSpec, status: Status, now: float) -> bool:
    since = status.carried_since
    return since is not None and now - since >= SETTLING_INTERVALS * spec.analysis.interval


def _all(state: VersionState) -> bool:
    return state.ready >= state.wanted


def _cannot_serve(state: VersionState | None) -> tuple[str, str] | None:
    if state is None:
        return None
    if state.refused:
        reason, _, message = state.refused.partition(": ")
        return reason, message
    if state.restarts > CRASHES_ALLOWED and state.ready < state.wanted:
        return "CandidateKeepsCrashing", f"its servers ended {state.restarts} times by themselves"
    return None


def _readiness(state: VersionState | None) -> str:
    if state is None:
        return "its servers are not there yet"
    return f"{state.ready} of {state.wanted} servers ready"


def _tick(
    status: Status,
    decision: Decision,
    traffic: Traffic,
    now: float,
    judgement: Judgement | None = None,
) -> Tick:
    last = status.decision
    same = last is not None and (last.action, last.reason) == (decision.action, decision.reason)
    written = DecisionStatus(
        action=decision.action,
        reason=decision.reason,
        message=decision.message,
        time=last.time if same and last is not None else now,
    )
    status = status.model_copy(
        update={
            "decision": written,
            "weights": Weights(asked=traffic, seen=status.weights.seen),
            "conditions": _conditions(status, decision, now),
        }
    )
    if status.stable is None:
        plan = Plan(stable=status.candidate, candidate=None, traffic=traffic)
    else:
        plan = Plan(stable=status.stable, candidate=status.candidate, traffic=traffic)
    verdicts = judgement.verdicts if judgement is not None else ()
    return Tick(decision, plan, status, verdicts)


def _conditions(status: Status, decision: Decision, now: float) -> list[Condition]:
    states = {"Ready": status.stable is not None, "Progressing": status.candidate is not None}
    known = {condition.type: condition for condition in status.conditions}
    conditions = []
    for kind, holds in states.items():
        value = "True" if holds else "False"
        before = known.get(kind)
        since = before.last_transition_time if before and before.status == value else now
        conditions.append(
            Condition(
                type=kind,
                status="True" if holds else "False",
                reason=decision.reason,
                message=decision.message,
                last_transition_time=since,
            )
        )
    return conditions
