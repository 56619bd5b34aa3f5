"""The step machine: which traffic a step asks for."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.api import CanaryStep, Traffic
from headrace.api.fields import format_duration

ALL_STABLE = Traffic(stable=100)
ALL_CANDIDATE = Traffic(candidate=100)


def traffic_at(steps: Sequence[CanaryStep], index: int) -> Traffic:
    """Give the traffic of a step; an approval keeps that of the step before.

    Args:
        steps: All steps.
        index: `0..len(steps)`; at `len(steps)`, when all have held, the last step's stays.
    """
    for step in reversed(steps[: index + 1]):
        if step.weight is not None:
            return Traffic(stable=100 - step.weight, candidate=step.weight)
        if step.mirror is not None:
            return Traffic(stable=100, mirror=step.mirror)
    return ALL_STABLE


def describe(traffic: Traffic) -> str:
    """Say what a candidate gets, as in `5 % of the traffic`."""
    if traffic.mirror:
        return f"a copy of {traffic.mirror} % of the traffic"
    return f"{traffic.candidate} % of the traffic" if traffic.candidate else "no traffic"


def describe_step(step: CanaryStep) -> str:
    """Say what a step is, as in `weight 5 for 5m`."""
    if step.approval is not None:
        return "approval"
    hold = format_duration(step.hold or 0.0)
    return f"mirror {step.mirror} for {hold}" if step.mirror else f"weight {step.weight} for {hold}"
