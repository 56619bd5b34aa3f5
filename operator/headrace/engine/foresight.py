"""Says in a condition whether a rollout can prove anything in time, as soon as its past is read."""

from __future__ import annotations

from headrace.api import Analysis, Condition, Status
from headrace.engine.observations import Observations
from headrace.engine.preflight import Stage, forecast, past_of
from headrace.engine.strategies.base import Strategy

PROVABLE = "Provable"
"""The condition's type: whether every required check can be proved within `maxDuration`."""


def foresee(
    analysis: Analysis, strategy: Strategy, status: Status, observations: Observations, now: float
) -> Status:
    """Put the forecast into the status, when the intervals of stable's past have come in.

    Args:
        analysis: At the risk of one comparison.
        strategy: For its steps.
        status: Of a rollout under test.
        observations: Fresh intervals; those that ended before the rollout began are its past.
        now: Unix seconds.

    Returns:
        The status with the condition `Provable`; as it was when there is nothing new to say.
    """
    started = now if status.started is None else status.started
    history = [i for i in observations.intervals if i.end <= started and not i.challenger]
    past = past_of(history)
    if past is None:
        return status
    stages = [
        Stage(step.hold, step.traffic.candidate / 100)
        for step in strategy.steps
        if 0 < step.traffic.candidate < 100 and step.hold
    ]
    found = forecast(analysis, stages, past)
    if not found:
        return status
    hopeless = any(one.hopeless for one in found)
    condition = Condition(
        type=PROVABLE,
        status="False" if hopeless else "True",
        reason="NotProvableInTime" if hopeless else "ProvableInTime",
        message="; ".join(f"{one.check}: {one.sentence}" for one in found),
        last_transition_time=now,
        observed_generation=status.observed_generation,
    )
    others = [known for known in status.conditions if known.type != PROVABLE]
    return status.model_copy(update={"conditions": [*others, condition]})
