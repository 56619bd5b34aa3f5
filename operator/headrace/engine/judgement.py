"""From intervals to verdicts: the checks' evidence, combined at the stated risk.

Evidence of harm is combined over the checks by a weighted mean of e-values, which is itself an
e-value whatever the dependence between the metrics, so that the chance of a false rollback is
that of the spec for all checks together (Vovk and Wang 2021, "E-values: calibration, combination
and applications"). Checks with a share of 0 judge by themselves and are no part of it.

Promotion needs the proof of every required check, each at its own risk: an intersection-union
test, which needs no correction (Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headrace.api import Analysis, CheckStatus, Outcome
from headrace.api.fields import milliseconds
from headrace.api.packed import Packed
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.observations import Interval, Metric, Problem
from headrace.engine.verdicts import Reading, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all checks say together.

    Attributes:
        verdicts: One per check, in the spec's order.
        statuses: The same with each test's state, for `.status`.
        harm: Natural logarithm of the combined evidence of harm.
        limit: What `harm` must reach for a rollback: `ln(1/alpha)`.
        holding: Of the checks that judge by themselves, those that want nothing to change: no
            reason to roll back, but no step is taken either.
    """

    verdicts: tuple[Verdict, ...]
    statuses: tuple[CheckStatus, ...]
    harm: float
    limit: float
    holding: tuple[Verdict, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The checks that failed, the strongest first."""
        return tuple(v for v in self.verdicts if v.outcome is Outcome.FAIL)

    @property
    def suspicious(self) -> bool:
        """Whether harm is half proved: no reason to roll back, but none to raise a weight."""
        return self.harm >= self.limit / 2


def absorb(
    checks: Sequence[SequentialCheck],
    statuses: Sequence[CheckStatus],
    intervals: Sequence[Interval],
    *,
    live: bool,
    carried_since: float | None,
    share: float | None = None,
) -> tuple[CheckStatus, ...]:
    """Give every check the fresh intervals, each once.

    Args:
        checks: The checks of the spec.
        statuses: Their statuses so far; a check without one starts anew.
        intervals: Per metric in order of time.
        live: Whether users are served by the candidate; decides which metrics a check reads.
        carried_since: Since when the step's traffic is carried; None while it is not.
        share: What share of the live requests that traffic gives to the candidate.
    """
    if share is not None and carried_since is not None:
        intervals = [_with_share(interval, share, carried_since) for interval in intervals]
    known = {status.name: status for status in statuses}
    return tuple(
        [
            _absorb_one(
                check,
                known.get(check.name) or _begun(check),
                intervals,
                live=live,
                carried_since=carried_since,
            )
            for check in checks
        ]
    )


def _with_share(interval: Interval, share: float, carried_since: float) -> Interval:
    through = interval.metric == Metric.REQUESTS and interval.start >= carried_since
    return replace(interval, share=share) if through else interval


def _begun(check: SequentialCheck) -> CheckStatus:
    return CheckStatus(name=check.name, state=Packed(check.initial()))


def _absorb_one(
    check: SequentialCheck,
    status: CheckStatus,
    intervals: Sequence[Interval],
    *,
    live: bool,
    carried_since: float | None,
) -> CheckStatus:
    state: State
    state = before = status.state.opened()
    held, until = status.held, status.observed_until
    reads = check.reads(live=live)
    for interval in intervals:
        is_read = interval.metric in reads
        if not is_read and interval.candidate is not None:
            continue
        state = check.absorb(state, interval)
        if is_read and _has_both(check, interval):
            # A late interval may be from before the last one.
            until = interval.end if until is None else max(until, interval.end)
            if carried_since is not None and interval.end > carried_since:
                held = milliseconds(held + interval.end - max(interval.start, carried_since))
    if state is before and (held, until) == (status.held, status.observed_until):
        return status
    update = {"state": Packed(state), "held": held, "observed_until": until}
    return status.model_copy(update=update)


def _has_both(check: SequentialCheck, interval: Interval) -> bool:
    candidate = interval.candidate is not None and interval.candidate.size > 0
    stable = interval.stable is not None and interval.stable.size > 0
    return candidate and (stable or not check.compares)


def judge(
    analysis: Analysis,
    checks: Sequence[SequentialCheck],
    statuses: Sequence[CheckStatus],
    problems: Sequence[Problem],
    *,
    live: bool,
    started: float,
    now: float,
) -> Judgement:
    """Turn the evidence into verdicts.

    Args:
        analysis: Risks and timeouts.
        checks: The checks of the spec.
        statuses: Theirs, with the evidence absorbed; the same order.
        problems: Metrics that could not be read of this candidate at this tick.
        live: Whether users are served by the candidate.
        started: When the rollout began, Unix seconds.
        now: Unix seconds.
    """
    readings = [
        check.read(each.state.opened()) for check, each in zip(checks, statuses, strict=True)
    ]
    limit = math.log(1 / analysis.risk.false_rollback)
    total_share = sum(check.share for check in checks)
    weighted = [
        math.log(check.share / total_share) + reading.harm if check.share > 0 else -math.inf
        for check, reading in zip(checks, readings, strict=True)
    ]
    harm = _log_sum_exp(weighted) if total_share > 0 else 0.0
    culprit = weighted.index(max(weighted)) if harm >= limit else None
    verdicts: list[Verdict] = []
    judged, holding = [], []
    for index, (check, status, reading) in enumerate(zip(checks, statuses, readings, strict=True)):
        if index == culprit or weighted[index] >= limit:
            verdict = _failed(check, reading, harm)
        elif reading.verdict is not None and reading.verdict.outcome is Outcome.FAIL:
            verdict = reading.verdict
        else:
            blind = _blind(analysis, check, status, problems, live=live, started=started, now=now)
            verdict = blind or reading.verdict or _open(analysis, check, reading)
            if verdict is reading.verdict and _holds(check, verdict, live=live):
                holding.append(verdict)
        verdicts.append(verdict)
        judged.append(_status(status, reading, verdict))
    order = sorted(range(len(verdicts)), key=weighted.__getitem__, reverse=True)
    failed_first = tuple([verdicts[i] for i in order])
    return Judgement(failed_first, tuple(judged), harm, limit, tuple(holding))


def _holds(check: SequentialCheck, verdict: Verdict, *, live: bool) -> bool:
    return verdict.outcome is Outcome.INCONCLUSIVE and bool(check.reads(live=live))


def _failed(check: SequentialCheck, reading: Reading, harm: float) -> Verdict:
    message = f"{reading.sentence}; the odds against chance are {_odds(harm)}"
    return Verdict(check.name, Outcome.FAIL, f"{check.reason}Worse", message)


def _open(analysis: Analysis, check: SequentialCheck, reading: Reading) -> Verdict:
    if reading.proof >= math.log(1 / analysis.risk.missed_regression):
        return Verdict(check.name, Outcome.PASS, f"{check.reason}WithinLimit", reading.sentence)
    reason = f"{check.reason}NotYetProved"
    return Verdict(check.name, Outcome.INCONCLUSIVE, reason, reading.sentence)


def _blind(
    analysis: Analysis,
    check: SequentialCheck,
    status: CheckStatus,
    problems: Sequence[Problem],
    *,
    live: bool,
    started: float,
    now: float,
) -> Verdict | None:
    reads = check.reads(live=live)
    if not reads:
        return None
    for problem in problems:
        if problem.metric in reads:
            return Verdict(check.name, Outcome.ERROR, problem.reason, problem.message)
    if status.observed_until is None:
        waited = now - started
        message = f"no requests of both arms seen in {waited:.0f} s"
        return Verdict(check.name, Outcome.NO_DATA, "NoDataYet", message)
    silent = now - status.observed_until
    if silent > analysis.no_data_timeout:
        message = f"no requests of both arms seen for {silent:.0f} s"
        return Verdict(check.name, Outcome.NO_DATA, "NoTraffic", message)
    return None


def blind_for(
    analysis: Analysis, judgement: Judgement, started: float, now: float
) -> tuple[Verdict, ...]:
    """Give the verdicts that have been blind for longer than `noDataTimeout`."""
    seen = {status.name: status.observed_until or started for status in judgement.statuses}
    return tuple(
        verdict
        for verdict in judgement.verdicts
        if verdict.outcome in (Outcome.NO_DATA, Outcome.ERROR)
        and now - seen[verdict.check] > analysis.no_data_timeout
    )


def _status(status: CheckStatus, reading: Reading, verdict: Verdict) -> CheckStatus:
    return status.model_copy(
        update={
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "message": verdict.message,
            "stable": reading.stable,
            "candidate": reading.candidate,
            "stable_samples": round(reading.stable_samples),
            "candidate_samples": round(reading.candidate_samples),
            "harm": reading.harm,
            "proof": reading.proof,
        }
    )


def _log_sum_exp(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum([math.exp(value - top) for value in values]))


def _odds(log_evidence: float) -> str:
    if log_evidence > math.log(1e6):
        return "over a million to one"
    return f"{math.exp(log_evidence):,.0f} to one"
