"""What a tick leaves in the journal."""

from __future__ import annotations

from headrace.api import ModelRollout, TickRecord
from headrace.engine.decision import Tick


def record(rollout: ModelRollout, answer: Tick, now: float) -> TickRecord:
    """Write down a tick, without the state of the tests.

    Args:
        rollout: With the status after the tick.
        answer: The engine's.
        now: Unix seconds.
    """
    status = answer.status
    model = status.candidate or status.stable or rollout.spec.model
    return TickRecord(
        time=now,
        phase=status.phase,
        version=model.version,
        step=status.step,
        action=answer.decision.action,
        reason=answer.decision.reason,
        message=answer.decision.message,
        asked=answer.plan.traffic,
        seen=status.weights.seen,
        requests=status.requests,
        checks=[check.model_copy(update={"state": {}}) for check in status.checks]
        if answer.verdicts
        else [],
    )
