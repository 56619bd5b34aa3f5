"""Canary: shadow if wished, growing weights, approvals, promotion on proof.

Decides from a judgement what the rollout does next. The order of the rules is the order of what
matters: users first (a failed check, a dead candidate), then sight (no data, errors), then time.
"""

from __future__ import annotations

from headrace.api import Analysis, Canary, Mode, OnNoData, Outcome, Phase, Status
from headrace.api.analysis import IfInconclusive
from headrace.api.fields import format_duration
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.decision import Action, Decision
from headrace.engine.judgement import Judgement, blind_for
from headrace.engine.steps import describe, traffic_at
from headrace.engine.verdicts import Verdict


def next_decision(
    strategy: Canary,
    analysis: Analysis,
    checks: tuple[SequentialCheck, ...],
    status: Status,
    judgement: Judgement,
    now: float,
) -> Decision:
    """Decide for a rollout whose candidate runs and whose traffic is as asked.

    Args:
        strategy: The steps.
        analysis: Mode, timeouts and policies.
        checks: For which of them promotion must wait.
        status: With the judgement's statuses and the time held.
        judgement: All verdicts.
        now: Unix seconds.
    """
    if judgement.failed:
        failed = _on_fail(analysis, status, judgement)
        if failed is not None:
            return failed
    blind = blind_for(analysis, judgement, status.started or now, now)
    if blind:
        return _on_no_data(analysis, status, blind[0])
    if status.phase is Phase.PAUSED:
        return _still(status)
    if status.elapsed + status.held >= analysis.max_duration:
        return _out_of_time(analysis, judgement)
    return _by_schedule(strategy, checks, status, judgement)


def _on_fail(analysis: Analysis, status: Status, judgement: Judgement) -> Decision | None:
    worst = judgement.failed[0]
    if analysis.mode is Mode.ENFORCE:
        return Decision(Action.ROLL_BACK, worst.reason, f"{worst.check}: {worst.message}")
    if analysis.mode is Mode.ADVISE and status.phase is not Phase.PAUSED:
        message = f"{worst.check}: {worst.message}; mode Advise leaves the rollback to you"
        return Decision(Action.PAUSE, worst.reason, message)
    return None


def _on_no_data(analysis: Analysis, status: Status, verdict: Verdict) -> Decision:
    message = f"{verdict.check}: {verdict.message}"
    if analysis.on_no_data is OnNoData.ROLL_BACK:
        return Decision(Action.ROLL_BACK, verdict.reason, f"{message}; onNoData is RollBack")
    if analysis.on_no_data is OnNoData.PAUSE and status.phase is not Phase.PAUSED:
        return Decision(Action.PAUSE, verdict.reason, f"{message}; onNoData is Pause")
    return Decision(Action.HOLD, verdict.reason, f"{message}; nothing changes until data is back")


def _still(status: Status) -> Decision:
    last = status.decision
    if last is None:
        return Decision(Action.HOLD, "Paused", "waits for a person")
    return Decision(Action.HOLD, last.reason, last.message)


def _out_of_time(analysis: Analysis, judgement: Judgement) -> Decision:
    open_checks = "; ".join(
        f"{v.check}: {v.message}" for v in judgement.verdicts if v.outcome is not Outcome.PASS
    )
    message = f"after {format_duration(analysis.max_duration)} neither harm nor safety is proved"
    message = f"{message} ({open_checks})" if open_checks else message
    roll_back = analysis.if_inconclusive is IfInconclusive.ROLL_BACK
    action = Action.ROLL_BACK if roll_back else Action.PAUSE
    return Decision(action, "Inconclusive", message)


def _by_schedule(
    strategy: Canary,
    checks: tuple[SequentialCheck, ...],
    status: Status,
    judgement: Judgement,
) -> Decision:
    steps = strategy.steps
    here = describe(traffic_at(steps, status.step))
    unseen = [v for v in judgement.verdicts if v.outcome in (Outcome.NO_DATA, Outcome.ERROR)]
    if unseen:
        message = f"{unseen[0].check}: {unseen[0].message}; nothing changes until data is there"
        return Decision(Action.HOLD, unseen[0].reason, message)
    if judgement.holding:
        first = judgement.holding[0]
        message = f"{first.check}: {first.message}; nothing changes until that is settled"
        return Decision(Action.HOLD, first.reason, message)
    if status.step < len(steps):
        step = steps[status.step]
        if step.approval is not None:
            message = f"the candidate gets {here} until somebody says `headrace promote`"
            return Decision(Action.PAUSE, "WaitingForApproval", message)
        hold = step.hold or 0.0
        if status.held < hold:
            left = format_duration(max(1.0, round(hold - status.held)))
            return Decision(Action.HOLD, "StepHolds", f"the candidate gets {here}; {left} to go")
        if judgement.suspicious:
            message = f"no more than {here} while harm is half proved: {_worst(judgement)}"
            return Decision(Action.HOLD, "Suspicious", message)
        if status.step + 1 < len(steps):
            then = describe(traffic_at(steps, status.step + 1))
            message = f"{here} held for {format_duration(hold)}; the candidate now gets {then}"
            return Decision(Action.ADVANCE, "StepHeld", message)
    required = {check.name for check in checks if check.required}
    waiting = [
        v for v in judgement.verdicts if v.check in required and v.outcome is not Outcome.PASS
    ]
    if waiting:
        message = f"all steps have held; {waiting[0].check} is not yet proved: {waiting[0].message}"
        return Decision(Action.HOLD, waiting[0].reason, message)
    if judgement.suspicious:
        message = f"not promoted while harm is half proved: {_worst(judgement)}"
        return Decision(Action.HOLD, "Suspicious", message)
    proved = "; ".join(f"{v.check}: {v.message}" for v in judgement.verdicts if v.check in required)
    message = f"all steps have held and every required check is proved: {proved}"
    return Decision(Action.PROMOTE, "ProvedSafe", message)


def _worst(judgement: Judgement) -> str:
    return f"{judgement.verdicts[0].check}: {judgement.verdicts[0].message}"
