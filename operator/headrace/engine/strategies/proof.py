"""The one rule by which any strategy promotes without a person."""

from __future__ import annotations

from headrace.api import Outcome
from headrace.api.analysis import IfInconclusive
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.preflight import remaining
from headrace.engine.strategies.base import Arm, Scene
from headrace.engine.verdicts import Verdict


def unproved(scene: Scene, arm: Arm) -> tuple[Verdict, ...]:
    """Give the required checks that are not proved for a candidate."""
    required = scene.required
    return tuple(
        verdict
        for verdict in arm.judgement.verdicts
        if verdict.check in required and verdict.outcome is not Outcome.PASS
    )


def is_safe(scene: Scene, arm: Arm) -> bool:
    """Tell whether every required check is proved, and no harm half proved."""
    return not unproved(scene, arm) and not arm.judgement.suspicious


def promote_when_proved(scene: Scene, arm: Arm, done: str) -> Decision:
    """Promote on the proof of every required check, else hold.

    Args:
        scene: Now.
        arm: Who would be promoted.
        done: What has happened so far, as in `all steps have held`.
    """
    waiting = unproved(scene, arm)
    if waiting:
        message = f"{done}; {waiting[0].check} is not yet proved: {waiting[0].message}"
        message += _time_left(scene, arm, waiting[0].check)
        return Decision(Action.HOLD, waiting[0].reason, message)
    if arm.judgement.suspicious:
        message = f"not promoted while harm is half proved: {worst(arm)}"
        return Decision(Action.HOLD, "Suspicious", message)
    proved = "; ".join(
        f"{v.check}: {v.message}" for v in arm.judgement.verdicts if v.check in scene.required
    )
    message = f"{done} and every required check is proved: {proved}"
    return Decision(Action.PROMOTE, "ProvedSafe", message, arm.model.version)


def _time_left(scene: Scene, arm: Arm, check: str) -> str:
    left = remaining(scene.analysis, arm.judgement.statuses, scene.status.observed)
    return next((f"; {one.sentence}" for one in left if one.check == check and one.seconds), "")


def worst(arm: Arm) -> str:
    """Say what speaks most against a candidate."""
    verdict = arm.judgement.verdicts[0]
    return f"{verdict.check}: {verdict.message}"


def give_up(scene: Scene) -> Decision:
    """End a rollout whose time is up without harm or safety proved, as the analysis wishes."""
    verdicts = scene.arms[0].judgement.verdicts
    open_checks = "; ".join(
        f"{v.check}: {v.message}" for v in verdicts if v.outcome is not Outcome.PASS
    )
    limit = format_duration(scene.analysis.max_duration)
    message = f"after {limit} neither harm nor safety is proved"
    message = f"{message} ({open_checks})" if open_checks else message
    roll_back = scene.analysis.if_inconclusive is IfInconclusive.ROLL_BACK
    return Decision(Action.ROLL_BACK if roll_back else Action.PAUSE, "Inconclusive", message)
