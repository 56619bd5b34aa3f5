"""What a tick leaves in the journal."""

from __future__ import annotations

from headrace.api import ChallengerRecord, CheckStatus, ModelRollout, TickRecord
from headrace.api.packed import Packed
from headrace.engine.decision import Tick


def record(rollout: ModelRollout, answer: Tick, now: float) -> TickRecord:
    """Write down a tick, without the state of the tests.

    Args:
        rollout: With the status after the tick.
        answer: The engine's.
        now: Unix seconds.
    """
    status = answer.status
    out = {dropped.version for dropped in status.dropped} - {answer.decision.version}
    goal = status.goal if status.ending is None else None

    def told(version: str, checks: list[CheckStatus]) -> list[CheckStatus]:
        # A candidate that was dropped has said its last word.
        if not answer.verdicts or version in out:
            return []
        # With a watch, the tick of the switch has the watch's checks already, not asked yet.
        return [check.model_copy(update={"state": Packed()}) for check in checks if check.reason]

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
        checks=told(model.version, status.checks),
        challengers=[
            ChallengerRecord(
                version=challenger.model.version,
                requests=challenger.requests,
                checks=told(challenger.model.version, challenger.checks),
            )
            for challenger in status.challengers
        ],
        rewards=[arm for arm in goal.arms if arm.version not in out] if goal else [],
        segments=goal.segments_message if goal else "",
    )
