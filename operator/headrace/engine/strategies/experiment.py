"""What the strategies with several arms share: who takes part, and what their rewards prove."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.api import Goal, IfUndecided, Status
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.goal import evidence_better
from headrace.engine.rewards import arms_of
from headrace.engine.strategies import proof
from headrace.engine.strategies.base import Scene


def limit_of(scene: Scene) -> float:
    """Give what the logarithm of the evidence for a claim about the arms must reach.

    The scene's risk is that of one comparison already: `ln(candidates / delta)`.
    """
    return math.log(1 / scene.analysis.risk.missed_regression)


def earned(goal: Goal | None, arms: Sequence[str]) -> str:
    """Say what the arms earned, as in `2 earned 0.121 (between 0.109 and 0.134) in 3,104`."""
    told = []
    for arm in goal.arms if goal else ():
        if arm.version in arms and arm.interval is not None:
            figure = arm.interval
            between = f"between {figure.low:.4f} and {figure.high:.4f}"
            told.append(f"{arm.version} earns {figure.value:.4f} ({between}, {arm.count:,.0f})")
    return "; ".join(told) or "no rewards have come back"


def leading(status: Status, candidates: Sequence[str]) -> str:
    """Name the candidate with the highest mean reward; the first one without rewards."""
    known = {arm.version: arm for arm in status.goal.arms} if status.goal else {}

    def mean(version: str) -> float:
        arm = known.get(version)
        return arm.total / arm.count if arm is not None and arm.count else 0.0

    return max(candidates, key=mean)


def better_than_stable(scene: Scene, version: str) -> str:
    """Say honestly whether a candidate is proved to earn more than stable."""
    stable = arms_of(scene.status)[0]
    evidence = evidence_better(scene.status.goal, version, stable)
    if evidence >= limit_of(scene):
        return f"that {version} earns more than {stable} is proved, at {_odds(evidence)}"
    return f"that {version} earns more than {stable} is not proved"


def promote(scene: Scene, version: str, done: str) -> Decision:
    """Promote a candidate once its required checks are proved, too."""
    arm = next(arm for arm in scene.arms if arm.model.version == version)
    decision = proof.promote_when_proved(scene, arm, done)
    if decision.action is not Action.PROMOTE:
        return decision
    return Decision(Action.PROMOTE, "Winner", decision.message, version)


def give_up(scene: Scene, wish: IfUndecided, limit: float) -> Decision:
    """End an experiment whose time is up without a winner.

    Args:
        scene: Now.
        wish: What the user wants then.
        limit: Seconds that it had.
    """
    arms = arms_of(scene.status)
    found = earned(scene.status.goal, arms)
    done = f"after {format_duration(limit)} no version is proved to be better: {found}"
    if wish is IfUndecided.PAUSE:
        return Decision(Action.PAUSE, "Inconclusive", done)
    if wish is IfUndecided.PROMOTE:
        best = leading(scene.status, arms[1:])
        arm = next(arm for arm in scene.arms if arm.model.version == best)
        if proof.is_safe(scene, arm):
            message = f"{done}; ifInconclusive is Promote, and the checks of {best} are proved"
            return Decision(Action.PROMOTE, "Inconclusive", message, best)
        done = f"{done}; ifInconclusive is Promote, but the checks of {best} are not proved"
    return Decision(Action.DISCARD, "Inconclusive", f"{done}; {arms[0]} stays")


def _odds(log_evidence: float) -> str:
    if log_evidence > math.log(1e6):
        return "over a million to one"
    return f"{math.exp(log_evidence):,.0f} to one"
