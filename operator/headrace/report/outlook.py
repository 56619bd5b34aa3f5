"""What a rollout under way still has to do: the least time, and who else must say yes."""

from __future__ import annotations

from headrace.api import AbTest, Bandit, ModelRollout, Phase
from headrace.api.fields import format_duration
from headrace.engine.strategies.build import strategy_of


def ahead(rollout: ModelRollout) -> str:
    """Say what is still to come, in a phrase; empty where nothing is under way.

    Times are the least: a step also waits for data, and a promotion for the proof.
    """
    status, spec = rollout.status, rollout.spec
    if status.candidate is None or status.stable is None:
        return ""
    if status.phase is Phase.PROMOTING:
        left = 0.0 if status.ending is None else max(0.0, status.ending.hold - status.held)
        return f"watched for {_time(left)} more" if left else "the last requests move"
    if status.phase not in (Phase.PROGRESSING, Phase.PAUSED):
        return ""
    strategy = strategy_of(spec)
    if isinstance(spec.strategy.chosen, AbTest | Bandit):
        left = max(0.0, strategy.max_duration - status.observed)
        return f"an answer, at the latest in {_time(left)} of observation"
    steps = strategy.steps[status.step :]
    least = sum(step.hold for step in steps) - (min(status.held, steps[0].hold) if steps else 0.0)
    parts = [f"at least {_time(least)} of observation"] if least else []
    approvals = sum(step.approval for step in steps)
    if approvals:
        parts.append("an approval" if approvals == 1 else f"{approvals} approvals")
    gates = sorted(gate.name for gate in spec.gates if gate.before != "Rollout")
    if gates:
        parts.append(f"the gate {gates[0]}" if len(gates) == 1 else f"gates {', '.join(gates)}")
    return ", ".join([*parts, "the proof"]) if parts else "the proof"


def _time(seconds: float) -> str:
    return format_duration(float(round(seconds)))
