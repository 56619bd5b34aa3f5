"""The step machine: what happens next, in the order of what matters, whatever the strategy.

Users first (a failed check), then sight (no data, errors), then time (a pause, the end of
`maxDuration`, steps), and the strategy's own rule last. Servers that cannot serve, and people's
requests, were looked at before.
"""

from __future__ import annotations

from headrace.api import Analysis, Mode, OnNoData, Outcome, Phase, Status
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.judgement import blind_for
from headrace.engine.steps import describe
from headrace.engine.strategies.base import Arm, Scene, Strategy
from headrace.engine.strategies.proof import worst
from headrace.engine.verdicts import Verdict


def next_decision(strategy: Strategy, scene: Scene) -> Decision:
    """Decide for a rollout whose candidates run and whose traffic is as asked."""
    failed = next((arm for arm in scene.arms if arm.judgement.failed), None)
    if failed is not None and (decision := _on_fail(scene, failed)) is not None:
        return decision
    traffic = strategy.traffic(scene.status)
    # An idle candidate cannot be observed, so that missing data says nothing.
    looks = bool(traffic.live or traffic.mirror)
    if looks and (blind := _blind(scene)) is not None:
        return _on_no_data(scene.analysis, scene.status, blind)
    if scene.status.phase is Phase.PAUSED:
        return _still(scene.status)
    if scene.status.observed >= strategy.max_duration:
        return strategy.give_up(scene)
    if looks and (unseen := _unseen(scene)) is not None:
        message = f"{unseen.check}: {unseen.message}; nothing changes until data is there"
        return Decision(Action.HOLD, unseen.reason, message)
    if (held := _holding(scene)) is not None:
        message = f"{held.check}: {held.message}; nothing changes until that is settled"
        return Decision(Action.HOLD, held.reason, message)
    if scene.status.step < len(strategy.steps):
        decision = _in_step(strategy, scene)
        if decision is not None:
            return decision
    return strategy.conclude(scene)


def said_of(scene: Scene, arm: Arm, verdict: Verdict) -> str:
    """Give a verdict's sentence; among several candidates it says whose it is."""
    whose = f"{arm.model.version}: " if scene.status.challengers else ""
    return f"{whose}{verdict.check}: {verdict.message}"


def _on_fail(scene: Scene, arm: Arm) -> Decision | None:
    verdict = arm.judgement.failed[0]
    message = said_of(scene, arm, verdict)
    if scene.analysis.mode is Mode.ENFORCE:
        action = Action.DROP if len(scene.arms) > 1 else Action.ROLL_BACK
        return Decision(action, verdict.reason, message, arm.model.version)
    if scene.analysis.mode is Mode.ADVISE and scene.status.phase is not Phase.PAUSED:
        message = f"{message}; mode Advise leaves the rollback to you"
        return Decision(Action.PAUSE, verdict.reason, message)
    return None


def _blind(scene: Scene) -> Verdict | None:
    started = scene.now if scene.status.started is None else scene.status.started
    for arm in scene.arms:
        blind = blind_for(scene.analysis, arm.judgement, started, scene.now)
        if blind:
            return blind[0]
    return None


def _on_no_data(analysis: Analysis, status: Status, verdict: Verdict) -> Decision:
    message = f"{verdict.check}: {verdict.message}"
    if analysis.on_no_data is OnNoData.ROLL_BACK:
        return Decision(Action.ROLL_BACK, verdict.reason, f"{message}; onNoData is RollBack")
    if analysis.on_no_data is OnNoData.PAUSE and status.phase is not Phase.PAUSED:
        return Decision(Action.PAUSE, verdict.reason, f"{message}; onNoData is Pause")
    return Decision(Action.HOLD, verdict.reason, f"{message}; nothing changes until data is back")


def _still(status: Status) -> Decision:
    paused = status.paused
    if paused is None:
        return Decision(Action.HOLD, "Paused", "waits for a person")
    return Decision(Action.HOLD, paused.reason, paused.message)


def _unseen(scene: Scene) -> Verdict | None:
    verdicts = (verdict for arm in scene.arms for verdict in arm.judgement.verdicts)
    return next((v for v in verdicts if v.outcome in (Outcome.NO_DATA, Outcome.ERROR)), None)


def _holding(scene: Scene) -> Verdict | None:
    """Give the first verdict of a check that judges by itself and wants nothing to change."""
    return next((v for arm in scene.arms for v in arm.judgement.holding), None)


def _in_step(strategy: Strategy, scene: Scene) -> Decision | None:
    """Decide within a step; None when the last one has held."""
    status, steps = scene.status, strategy.steps
    step = steps[status.step]
    here = describe(step.traffic)
    if step.approval:
        message = f"the candidate gets {here} until somebody says `headrace promote`"
        return Decision(Action.PAUSE, "WaitingForApproval", message)
    early = ""
    if status.held < step.hold:
        early = "" if scene.suspects or not status.held else strategy.early(scene)
        if not early:
            left = format_duration(max(1.0, round(step.hold - status.held)))
            return Decision(Action.HOLD, "StepHolds", f"the candidate gets {here}; {left} to go")
    if scene.suspects:
        message = f"no more than {here} while harm is half proved: {worst(scene.suspects[0])}"
        return Decision(Action.HOLD, "Suspicious", message)
    if status.step + 1 >= len(steps):
        return None
    then = describe(steps[status.step + 1].traffic)
    if early:
        message = f"{early}; the candidate now gets {then}"
        return Decision(Action.ADVANCE, "RampAllowed", message)
    message = f"{here} held for {format_duration(step.hold)}; the candidate now gets {then}"
    return Decision(Action.ADVANCE, "StepHeld", message)
