"""The watch after the switch: all users have the candidate, and it can still be rolled back."""

from __future__ import annotations

from headrace.api import CheckStatus, Ending, Mode, OnNoData, Outcome, RolloutSpec, Status
from headrace.api.fields import format_duration, milliseconds
from headrace.api.packed import Packed
from headrace.engine.checks.build import checks_of
from headrace.engine.checks.watched import learned, watched
from headrace.engine.comparing import compare
from headrace.engine.decision import Action, Decision
from headrace.engine.judgement import Judgement, blind_for
from headrace.engine.observations import Observations
from headrace.engine.risk import for_watch
from headrace.engine.steps import ALL_CANDIDATE
from headrace.engine.strategies.base import Arm, Strategy


def with_watch(status: Status, spec: RolloutSpec, strategy: Strategy) -> Status:
    """Prepare the watch of a promotion, if the strategy has one: the questions and their tests."""
    after = strategy.after.post_promotion
    if after is None or status.ending is None:
        return status
    known = {check.name: check for check in status.checks}
    pairs, unwatched = [], {}
    for check in spec.analysis.checks:
        if check.name not in known:
            unwatched[check.name] = "it was not asked before the switch"
            continue
        question = watched(check, known[check.name])
        if isinstance(question, str):
            unwatched[check.name] = question
        else:
            pairs.append((question, known[check.name]))
    questions = [question for question, _ in pairs]
    statuses = []
    if questions:
        tests = checks_of(spec.analysis.model_copy(update={"checks": questions}))
        for test, (question, before) in zip(tests, pairs, strict=True):
            state = learned(question, before, dict(test.initial()))
            statuses.append(CheckStatus(name=question.name, state=Packed(state)))
    ending = status.ending.model_copy(
        update={"hold": after.hold, "checks": questions, "unwatched": unwatched}
    )
    return status.model_copy(update={"ending": ending, "checks": statuses})


def watch(
    spec: RolloutSpec, status: Status, ending: Ending, observations: Observations, now: float
) -> tuple[Status, Decision]:
    """Judge the candidate alone, once the router is seen to send it all users.

    Returns:
        The status, and `RollBack`, `Hold` while the watch lasts, or `Promote` when it is over.
    """
    assert status.carried_since is not None
    arms: tuple[Arm, ...] = ()
    since = status.carried_since
    if ending.checks:
        analysis = spec.analysis.model_copy(update={"checks": ending.checks})
        checks = checks_of(analysis)
        analysis = for_watch(analysis)
        status, arms = compare(analysis, checks, status, observations, ALL_CANDIDATE, now)
    else:
        status = status.model_copy(update={"held": max(0.0, milliseconds(now - since))})
    if arms and (bad := _bad(spec, status, arms[0].judgement, now)) is not None:
        return status, bad
    if status.held >= ending.hold:
        return status, Decision(Action.PROMOTE, ending.reason, ending.message)
    left = format_duration(max(1.0, round(ending.hold - status.held)))
    message = f"all users have the candidate, and it is watched for {left} more"
    if arms:
        said = (f"{v.check}: {v.message}" for v in arms[0].judgement.verdicts)
        message = f"{message}: {'; '.join(said)}"
    if ending.unwatched:
        out = (f"{name} ({why})" for name, why in ending.unwatched.items())
        message = f"{message}; not watched: {', '.join(out)}"
    return status, Decision(Action.HOLD, "Watching", message)


def _bad(spec: RolloutSpec, status: Status, judgement: Judgement, now: float) -> Decision | None:
    analysis = spec.analysis
    if judgement.failed and analysis.mode is Mode.ENFORCE:
        worst = judgement.failed[0]
        message = f"after the switch, {worst.check}: {worst.message}"
        return Decision(Action.ROLL_BACK, worst.reason, message)
    since = now if status.carried_since is None else status.carried_since
    blind = blind_for(analysis, judgement, since, now)
    if blind:
        message = f"after the switch, {blind[0].check}: {blind[0].message}"
        if analysis.on_no_data is OnNoData.ROLL_BACK:
            message = f"{message}; onNoData is RollBack"
            return Decision(Action.ROLL_BACK, blind[0].reason, message)
        return Decision(Action.HOLD, blind[0].reason, f"{message}; the watch waits for data")
    unseen = [v for v in judgement.verdicts if v.outcome in (Outcome.NO_DATA, Outcome.ERROR)]
    if unseen:
        message = f"after the switch, {unseen[0].check}: {unseen[0].message}"
        return Decision(Action.HOLD, unseen[0].reason, f"{message}; the watch waits for data")
    return None
