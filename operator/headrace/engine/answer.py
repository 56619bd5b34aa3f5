"""The last thing of a tick: the status as it is written, and the plan that follows from it."""

from __future__ import annotations

from headrace.api import (
    DecisionStatus,
    Phase,
    RolloutSpec,
    Status,
    Stickiness,
    Traffic,
    Weights,
)
from headrace.engine.conditions import conditions_of
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.gates import Question
from headrace.engine.news import with_news
from headrace.engine.plan import Plan
from headrace.engine.retreats import retreat_of
from headrace.engine.strategies.build import strategy_of
from headrace.engine.verdicts import Verdict

_LASTING = (Action.PROMOTE, Action.ROLL_BACK, Action.DISCARD)
"""Decided again at every tick until the traffic has moved."""


def answer(
    spec: RolloutSpec,
    status: Status,
    decision: Decision,
    traffic: Traffic,
    now: float,
    verdicts: tuple[Verdict, ...] = (),
    questions: tuple[Question, ...] = (),
) -> Tick:
    """Write a decision into the status and make the plan.

    Args:
        spec: For what the plan takes from it.
        status: With everything else of this tick.
        decision: What was decided.
        traffic: What the router should carry from now on.
        now: Unix seconds.
        verdicts: Of the checks that were asked.
        questions: To gates that it waits for.
    """
    last = status.decision
    same = last is not None and (last.action, last.reason) == (decision.action, decision.reason)
    is_new = not (decision.action is Action.HOLD or (same and decision.action in _LASTING))
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
        }
    )
    before, conditions = status.conditions, conditions_of(spec, status, now)
    status = status.model_copy(update={"conditions": conditions})
    status = with_news(spec, status, before, decision, now, is_new=is_new)
    plan = plan_of(spec, status, traffic)
    return Tick(decision, plan, status, verdicts, questions, is_new=is_new)


def plan_of(spec: RolloutSpec, status: Status, traffic: Traffic) -> Plan:
    """Give what should exist."""
    if status.stable is None:
        return Plan(stable=status.candidate, candidate=None, traffic=traffic)
    out = {dropped.version for dropped in status.dropped}
    challengers = (challenger.model for challenger in status.challengers)
    candidate = status.candidate
    return Plan(
        stable=status.stable,
        candidate=None if candidate is None or candidate.version in out else candidate,
        traffic=traffic,
        challengers=tuple(model for model in challengers if model.version not in out),
        previous=None if status.previous is None else status.previous.model,
        sticky=_stickiness(spec, traffic),
        retreating=status.phase is Phase.ROLLING_BACK,
        retreat=retreat_of(status),
    )


def _stickiness(spec: RolloutSpec, traffic: Traffic) -> Stickiness | None:
    # With one arm there is nothing to stay with.
    if not (traffic.stable and traffic.live):
        return None
    default = Stickiness() if strategy_of(spec).sticky else None
    return spec.routing.stickiness or default
