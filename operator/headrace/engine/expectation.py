"""The checks' evidence on expected counts: what a forecast is made of.

The kernels of the tests are fed with the counts that a past and a weight let expect. The evidence
then goes along its mean, and what it says holds for the middle of many rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.error_rate import ErrorRateAgainstStable
from headrace.engine.checks.latency import LatencyAgainstStable
from headrace.engine.checks.shares import (
    LOG_EFFECT_WEIGHTS,
    LOG_PROOF_WEIGHTS,
    WithinLimit,
    grown_harm,
)
from headrace.engine.checks.slow_limit import slow_limit
from headrace.engine.checks.wording import percent
from headrace.engine.kernels.categories import log_categories
from headrace.engine.kernels.dispersion import Dispersion
from headrace.engine.kernels.mixture import Onsets, grown, log_mean
from headrace.engine.kernels.relabelling import relabelling
from headrace.engine.kernels.slowdowns import SLOWDOWNS, alternatives, distribution, smoothed
from headrace.engine.observations import Counts

LARGEST = 50.0
"""The largest regression that is looked for, as a multiple of stable."""
_POWER = 0.84
"""Standard deviations that four of five are above."""
_LOG_SLOWDOWN_WEIGHTS = tuple(math.log(weight) for _, _, weight in SLOWDOWNS)
NONE = Dispersion()


@dataclass(frozen=True, slots=True)
class Past:
    """What stable did before the rollout.

    Attributes:
        rate: Requests per second, >= 0.
        failing: Share of them that failed, in (0, 1); a guess above zero where none did.
        failures: How the failures scatter.
        bounds: Finite upper bounds of the latency's buckets in seconds; empty if not seen.
        latency: Counts per bucket, one more than the bounds.
        delays: How the slow requests scatter.
    """

    rate: float
    failing: float
    failures: Dispersion
    bounds: tuple[float, ...] = ()
    latency: tuple[float, ...] = ()
    delays: Dispersion = NONE


Block = tuple[float, float]
"""Expected exposures of the candidate and of stable in one interval."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One check's tests on expected counts.

    Attributes:
        harm: From a block's exposures and a factor: the evidence after one more block.
        proof: The logarithms of one block's proof of an equal candidate, tempered.
        log_weights: Of the proof's alternatives.
        regression: A factor in words.
    """

    harm: Callable[[Onsets, Block, float], Onsets]
    harm_log_weights: tuple[float, ...]
    proof: Callable[[Block], list[float]]
    regression: Callable[[float], str]


def expected(check: SequentialCheck, past: Past) -> Expected | None:
    """Give a check's evidence on expected counts; None for a check that does not compare arms."""
    if isinstance(check, ErrorRateAgainstStable):
        return _of_errors(check, past)
    if isinstance(check, LatencyAgainstStable) and past.bounds and sum(past.latency) > 0:
        return _of_latency(check, past)
    return None


def _of_errors(check: ErrorRateAgainstStable, past: Past) -> Expected:
    base = past.failing

    def harm(onsets: Onsets, block: Block, factor: float) -> Onsets:
        n_c, n_s = block
        return grown_harm(
            onsets,
            Counts(min(factor * base, 1.0) * n_c, n_c),
            Counts(base * n_s, n_s),
            tolerance=check.tolerance,
            base=base,
            phi=past.failures.tempering(n_c, n_s),
            limit=math.inf,
        )

    def proof(block: Block) -> list[float]:
        return _proof(check.limit, base, past.failures, block)

    def regression(factor: float) -> str:
        return f"failures from {percent(base)} to {percent(min(factor * base, 1.0))}"

    return Expected(harm, LOG_EFFECT_WEIGHTS, proof, regression)


def _of_latency(check: LatencyAgainstStable, past: Past) -> Expected | None:
    moved = relabelling(past.bounds, check.tolerance, check.margin)
    if not moved.bounds:
        return None
    probabilities = smoothed(past.latency)
    within = distribution(probabilities, past.bounds)
    ratios = alternatives(tuple(moved.of_stable(past.latency)), moved.bounds)

    def harm(onsets: Onsets, block: Block, factor: float) -> Onsets:
        n_c, n_s = block
        edges = [0.0, *(within(bound / factor) for bound in past.bounds), 1.0]
        slower = [n_c * max(high - low, 0.0) for low, high in pairwise(edges)]
        steps = log_categories(
            moved.of_candidate(slower),
            moved.of_stable([n_s * p for p in probabilities]),
            ratios,
        )
        return onsets.grown(steps, past.delays.tempering(n_c, n_s))

    slow = slow_limit(
        past.latency,
        past.bounds,
        quantile=check.quantile,
        ratio=check.ratio,
        margin=check.margin,
    )
    share = sum(probabilities[slow.bound + 1 :])

    def proof(block: Block) -> list[float]:
        return _proof(slow.limit, share, past.delays, block)

    def regression(factor: float) -> str:
        return f"requests that take {factor:.3g} times as long"

    return Expected(harm, _LOG_SLOWDOWN_WEIGHTS, proof, regression)


def _proof(limit: WithinLimit, share: float, phi: Dispersion, block: Block) -> list[float]:
    n_c, n_s = block
    steps = limit.log_proof(Counts(share * n_c, n_c), Counts(share * n_s, n_s), share)
    return [step / phi.tempering(n_c, n_s) for step in steps]


def smallest(
    evidence: Expected, blocks: Sequence[Block], interval: float, limit: float
) -> tuple[float | None, float | None]:
    """Search the smallest regression that four of five rollouts find.

    Args:
        evidence: On expected counts.
        blocks: The schedule's.
        interval: Seconds between two blocks.
        limit: Logarithm of the evidence that is needed.

    Returns:
        The factor and the seconds until it is found; None twice if there is none up to `LARGEST`.
    """
    found = _found_after(evidence, blocks, interval, limit, LARGEST)
    if found is None:
        return None, None
    low, high = 0.0, math.log(LARGEST)
    while high - low > 0.01:
        middle = (low + high) / 2
        after = _found_after(evidence, blocks, interval, limit, math.exp(middle))
        if after is None:
            low = middle
        else:
            high, found = middle, after
    return math.exp(high), found


def _found_after(
    evidence: Expected, blocks: Sequence[Block], interval: float, limit: float, factor: float
) -> float | None:
    onsets = Onsets()
    for index, block in enumerate(blocks):
        onsets = evidence.harm(onsets, block, factor)
        mean = onsets.log_evidence(evidence.harm_log_weights)
        # The logarithm of a likelihood ratio with mean G has a variance of about 2 G.
        if mean > 0 and mean - _POWER * math.sqrt(2 * (mean + 1)) >= limit:
            return (index + 1) * interval
    return None


def proved_after(
    evidence: Expected, blocks: Iterable[Block], interval: float, needed: float
) -> float | None:
    """Give the seconds until an equal candidate is proved; None if not in these blocks."""
    logs: list[float] = []
    for index, block in enumerate(blocks):
        logs = grown(logs, evidence.proof(block), 1.0)
        if log_mean(logs, LOG_PROOF_WEIGHTS) >= needed:
            return (index + 1) * interval
    return None
