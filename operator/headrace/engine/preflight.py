"""What a rollout can find and prove, said before it starts, and how long its proofs still take.

From stable's past (its rate of requests, its failures, how they scatter) and the steps' weights
follows the evidence that is to be expected. A regression counts as found where the evidence is over
its line in four of five rollouts.

A forecast takes the past for the future. It decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headrace.api import Analysis, CheckStatus
from headrace.api.fields import format_duration
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.blocks import counts, histogram
from headrace.engine.checks.build import checks_of
from headrace.engine.checks.latency_reference import LatencyReference
from headrace.engine.checks.reference import FailureReference
from headrace.engine.expectation import (
    LARGEST,
    NONE,
    Block,
    Expected,
    Past,
    expected,
    proved_after,
    smallest,
)
from headrace.engine.observations import Halves, Interval, Metric


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the schedule.

    Attributes:
        seconds: How long it holds, > 0.
        weight: The candidate's share of the requests, in (0, 1).
    """

    seconds: float
    weight: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one check will be able to say.

    Attributes:
        check: Its name in the spec.
        required: Whether promotion waits for its proof.
        factor: The smallest regression that four of five rollouts find within the schedule, as a
            multiple of stable; None if there is none up to 50 times.
        proved_after: Seconds until an equal candidate is proved, on average, with the last step's
            weight going on; None if not within `maxDuration`.
        sentence: The same in words. No full stop.
    """

    check: str
    required: bool
    factor: float | None
    proved_after: float | None
    sentence: str

    @property
    def hopeless(self) -> bool:
        """Whether promotion waits for a proof that will not come in time."""
        return self.required and self.proved_after is None


@dataclass(frozen=True, slots=True)
class Remaining:
    """How long one check's proof still takes.

    Attributes:
        check: Its name.
        seconds: At the mean growth so far; 0 if it is proved, None if it does not grow.
        sentence: The same in words. No full stop.
    """

    check: str
    seconds: float | None
    sentence: str


def past_of(history: Sequence[Interval]) -> Past | None:
    """Learn from the intervals before a rollout.

    Args:
        history: Intervals of stable, of any metrics; others than live requests and their latency
            are passed over.

    Returns:
        None if no requests were seen.
    """
    reference, delays = FailureReference(), LatencyReference()
    seconds = requests = 0.0
    for interval in history:
        if interval.metric == Metric.REQUESTS:
            seen = counts(interval.stable)
            if interval.stable is not None:
                seconds += interval.end - interval.start
            if seen is not None:
                requests += seen.total
                reference = reference.learned(seen)
        elif isinstance(interval.stable, Halves):
            reference = reference.with_halves(interval.stable)
        elif interval.metric == Metric.LATENCY:
            timed = histogram(interval.stable)
            if timed is not None:
                delays = delays.with_history(timed)
    if not requests or seconds <= 0:
        return None
    scatter = delays.scatter
    return Past(
        rate=requests / seconds,
        failing=reference.share,
        failures=reference.found(),
        bounds=delays.bounds,
        latency=delays.learned,
        delays=scatter.dispersion() if scatter is not None else NONE,
    )


def forecast(analysis: Analysis, stages: Sequence[Stage], past: Past) -> tuple[Forecast, ...]:
    """Say for each check that compares the arms what it will find and prove.

    Args:
        analysis: Checks, risks, interval and `maxDuration`.
        stages: The schedule, in order; empty gives no forecast.
        past: What stable did.

    Returns:
        One per check that can be forecast, in the spec's order.
    """
    if not stages or past.rate <= 0:
        return ()
    checks = checks_of(analysis)
    total = sum(check.share for check in checks)
    made = []
    for check in checks:
        evidence = expected(check, past)
        if evidence is not None:
            limit = math.log(1 / analysis.risk.false_rollback) + math.log(total / check.share)
            made.append(_forecast(check, analysis, stages, past, evidence, limit))
    return tuple(made)


def remaining(
    analysis: Analysis, statuses: Sequence[CheckStatus], observed: float
) -> tuple[Remaining, ...]:
    """Say how long each check's proof still takes, from its mean growth so far.

    Args:
        analysis: The risk of a missed regression.
        statuses: Of the checks.
        observed: Seconds in which the checks have had data: what has elapsed and is held.
    """
    needed = math.log(1 / analysis.risk.missed_regression)
    found = []
    for status in statuses:
        if status.proof >= needed:
            found.append(Remaining(status.name, 0.0, f"{status.name} is proved"))
        elif status.proof <= 0 or observed <= 0:
            sentence = f"{status.name}: no proof gathers yet"
            found.append(Remaining(status.name, None, sentence))
        else:
            seconds = (needed - status.proof) * observed / status.proof
            after = format_duration(max(60.0, 60.0 * round(seconds / 60)))
            sentence = f"{status.name}: the proof takes about {after} more at this pace"
            found.append(Remaining(status.name, seconds, sentence))
    return tuple(found)


def _forecast(
    check: SequentialCheck,
    analysis: Analysis,
    stages: Sequence[Stage],
    past: Past,
    evidence: Expected,
    limit: float,
) -> Forecast:
    schedule = sum(stage.seconds for stage in stages)
    blocks = list(_blocks(stages, past.rate, analysis.interval, schedule))
    factor, found_after = smallest(evidence, blocks, analysis.interval, limit)
    proof_after = proved_after(
        evidence,
        _blocks(stages, past.rate, analysis.interval, analysis.max_duration),
        analysis.interval,
        math.log(1 / analysis.risk.missed_regression),
    )
    within = f"within the schedule of {format_duration(schedule)}"
    if factor is None or found_after is None:
        sentence = f"no regression of up to {LARGEST:g} times is surely found {within}"
    else:
        after = format_duration(60.0 * math.ceil(found_after / 60))
        what = evidence.regression(factor)
        sentence = f"{what} are found in {after} in four of five rollouts, lesser ones not {within}"
    longest = format_duration(analysis.max_duration)
    if proof_after is not None:
        after = format_duration(60.0 * math.ceil(proof_after / 60))
        sentence += f"; an equal candidate is proved after about {after}"
    else:
        sentence += f"; an equal candidate cannot be proved in {longest} (maxDuration)"
    return Forecast(check.name, check.required, factor, proof_after, sentence)


def _blocks(stages: Sequence[Stage], rate: float, interval: float, until: float) -> Iterator[Block]:
    """Give the expected exposures per interval; the last weight stays."""
    ends, end = [], 0.0
    for stage in stages:
        end += stage.seconds
        ends.append(end)
    at, time = 0, interval
    while time <= until + 1e-9:
        while at < len(stages) - 1 and time > ends[at] + 1e-9:
            at += 1
        n, weight = rate * interval, stages[at].weight
        yield n * weight, n * (1 - weight)
        time += interval
