"""Each candidate's checks, asked of its own intervals."""

from __future__ import annotations

from headrace.api import Analysis, CheckStatus, ModelSpec, Status, Traffic
from headrace.api.fields import milliseconds
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.judgement import Judgement, absorb, judge
from headrace.engine.observations import Observations
from headrace.engine.strategies.base import Arm


def compare(
    analysis: Analysis,
    checks: tuple[SequentialCheck, ...],
    status: Status,
    observations: Observations,
    traffic: Traffic,
    now: float,
    *,
    sticky: bool = False,
) -> tuple[Status, tuple[Arm, ...]]:
    """Judge every candidate that is still in the test.

    Args:
        analysis: At the risk of one comparison.
        checks: Of the spec.
        status: With the checks' statuses so far.
        observations: Fresh intervals of all candidates.
        traffic: What is asked for.
        now: Unix seconds.
        sticky: Whether users stay with their arm, so that the weights are those of new users only.

    Returns:
        The status with the checks' new statuses and the time held, and the candidates.
    """
    assert status.candidate is not None
    live = traffic.live > 0
    started = now if status.started is None else status.started
    out = {dropped.version for dropped in status.dropped}
    arms, held = [], []

    def judged(model: ModelSpec, known: list[CheckStatus], challenger: str) -> list[CheckStatus]:
        if model.version in out:
            return known
        carried = not sticky and status.weights.seen == traffic
        share = _share(traffic, challenger) if carried else None
        intervals = [i for i in observations.intervals if i.challenger == challenger]
        absorbed = absorb(
            checks,
            known,
            intervals,
            live=live,
            carried_since=status.carried_since,
            share=share,
        )
        problems = [p for p in observations.problems if p.challenger in (None, challenger)]
        judgement = judge(analysis, checks, absorbed, problems, live=live, started=started, now=now)
        arms.append(Arm(model, judgement))
        held.append(_held(checks, judgement, live=live, else_=status.held))
        return list(judgement.statuses)

    update: dict[str, object] = {"checks": judged(status.candidate, status.checks, "")}
    update["challengers"] = [
        challenger.model_copy(
            update={"checks": judged(challenger.model, challenger.checks, challenger.model.version)}
        )
        for challenger in status.challengers
    ]
    update["held"] = min(held, default=status.held)
    asked = any(check.reads(live=live) for check in checks) and (live or traffic.mirror)
    if not asked and status.carried_since is not None:
        # Nothing can be observed: of an idle candidate, or of copies by checks that are about
        # users. Then time is the clock's.
        update["held"] = max(0.0, milliseconds(now - status.carried_since))
    return status.model_copy(update=update), tuple(arms)


def _share(traffic: Traffic, challenger: str) -> float | None:
    """Give the candidate's share of its own and stable's requests; None where one has none."""
    weight = traffic.challengers.get(challenger, 0) if challenger else traffic.candidate
    return weight / (weight + traffic.stable) if weight and traffic.stable else None


def _held(
    checks: tuple[SequentialCheck, ...], judgement: Judgement, *, live: bool, else_: float
) -> float:
    """Give for how long every check that counts has observed both arms."""
    reading = {check.name: check.required for check in checks if check.reads(live=live)}
    required = {name for name, counts in reading.items() if counts} or set(reading)
    return min((s.held for s in judgement.statuses if s.name in required), default=else_)
