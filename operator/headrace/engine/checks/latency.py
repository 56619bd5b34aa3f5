"""The latency check that compares the candidate with stable.

Harm is looked for in the whole histogram: any way of being slower counts. The proof is about one
quantile: the share of requests slower than the first bucket bound above stable's quantile.

Live requests are measured by the router. Copies are not, so that there the model servers' own
histograms are compared; the two places have separate references, and one evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import State
from headrace.engine.checks.blocks import coarsened, histogram, overlaps
from headrace.engine.checks.latency_reference import LatencyReference
from headrace.engine.checks.shares import LOG_PROOF_WEIGHTS
from headrace.engine.checks.wording import count, seconds, seconds_range
from headrace.engine.kernels.categories import log_categories
from headrace.engine.kernels.confidence import quantile_interval, share_interval
from headrace.engine.kernels.mixture import Onsets, grown, log_mean
from headrace.engine.kernels.relabelling import relabelling
from headrace.engine.kernels.slowdowns import SLOWDOWNS, alternatives
from headrace.engine.observations import Counts, Interval, Metric, MetricKey
from headrace.engine.verdicts import Reading

DEFAULT_QUANTILE = 0.95
METRICS = (Metric.LATENCY, Metric.SERVER_LATENCY)
_LOG_WEIGHTS = tuple(math.log(weight) for _, _, weight in SLOWDOWNS)


def estimate(
    quantile: float, bounds: Sequence[float], counts: Sequence[float], phi: float
) -> Estimate:
    """Give a quantile in seconds with its anytime-valid interval; there are requests."""
    value, low, high = quantile_interval(quantile, bounds, counts, phi)
    return Estimate(value=value, low=low, high=high)


def described(whose: str, quantile: float, bounds: Sequence[float], figure: Estimate) -> str:
    """Say what an arm's quantile is; above the last finite bound nothing more is known."""
    name = f"{whose} p{100 * quantile:.4g} is"
    if figure.value >= bounds[-1]:
        return f"{name} over {seconds(bounds[-1])}"
    known = figure.high < bounds[-1]
    between = seconds_range(figure) if known else f"at least {seconds(figure.low)}"
    return f"{name} {seconds(figure.value)} ({between})"


@dataclass(frozen=True)
class LatencyAgainstStable:
    """Is the candidate slower than stable?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        ratio: Safety is the proof that `quantile` is less than so many times stable's; > 1.
        tolerance: Harm is proved against "no slower than so many times stable"; >= 1.
        margin: Seconds that count as no slowdown, for both; >= 0.
        quantile: In (0, 1).
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    ratio: float
    tolerance: float
    margin: float
    quantile: float
    share: float = 0.5

    reason = "Latency"
    compares = True

    @cached_property
    def _test(self) -> str:
        return f"latency/2 {self.ratio!r} {self.tolerance!r} {self.margin!r} {self.quantile!r}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the router's latency, or the servers' while there are only copies."""
        return (Metric.LATENCY,) if live else (Metric.SERVER_LATENCY,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "places": {},
            "harm": Onsets().to_json(),
            "proof": [],
            "used": [],
            "last": "",
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn from stable's history, or gather evidence from both arms."""
        if interval.metric not in METRICS:
            return state
        parts = self._parts(state)
        place = parts["places"].get(str(interval.metric)) or _empty_place()
        reference = LatencyReference.from_json(place["reference"])
        stable, candidate = histogram(interval.stable), histogram(interval.candidate)
        if stable is None or (candidate is None and reference.scatter is None):
            return parts
        if candidate is None:
            place = {**place, "reference": reference.with_history(stable).to_json()}
        else:
            reference = reference.fixed(stable, candidate)
            slow_s = coarsened(stable, reference.bounds)
            slow_c = coarsened(candidate, reference.bounds)
            if slow_s is not None and slow_c is not None:
                if reference.ready and not overlaps(interval, parts["used"]):
                    asked = reference.asked
                    reference = reference.prepared(self.quantile, self.ratio, self.margin)
                    if asked.bound >= 0 and reference.asked != asked and parts["proof"]:
                        parts["proof"] = _asked_anew(parts["proof"])
                    self._judge(parts, reference, slow_c, slow_s)
                    place = _counted(place, slow_c, slow_s)
                    parts["used"] = [interval.start, interval.end]
                    parts["last"] = str(interval.metric)
                reference = reference.followed(slow_s)
            else:
                before = reference.bounds
                reference = reference.misfitted(stable, candidate)
                if reference.bounds != before:
                    # The figures that are shown begin anew, the evidence goes on.
                    place = {**place, "stable": [], "candidate": []}
            place = {**place, "reference": reference.to_json()}
        parts["places"] = {**parts["places"], str(interval.metric): place}
        return parts

    def _parts(self, state: State) -> dict[str, Any]:
        return dict(state if state.get("test") == self._test else self.initial())

    def _judge(
        self,
        parts: dict[str, Any],
        reference: LatencyReference,
        candidate: Sequence[float],
        stable: Sequence[float],
    ) -> None:
        n_c, n_s = sum(candidate), sum(stable)
        phi = reference.dispersion.tempering(n_c, n_s)
        moved = relabelling(reference.bounds, self.tolerance, self.margin)
        if moved.bounds:
            basis = tuple(moved.of_stable(reference.basis))
            harm = log_categories(
                moved.of_candidate(candidate),
                moved.of_stable(stable),
                alternatives(basis, moved.bounds),
            )
            parts["harm"] = Onsets.from_json(parts["harm"]).grown(harm, phi).to_json()
        above = reference.slow + 1
        proof = reference.limit.log_proof(
            Counts(sum(candidate[above:]), n_c),
            Counts(sum(stable[above:]), n_s),
            reference.slow_share,
        )
        parts["proof"] = grown(parts["proof"], proof, phi)

    def read(self, state: State) -> Reading:
        """Say what the evidence is now; the figures are those of the last place."""
        parts = self._parts(state)
        harm = Onsets.from_json(parts["harm"]).log_evidence(_LOG_WEIGHTS)
        proof = log_mean(parts["proof"], LOG_PROOF_WEIGHTS)
        place = parts["places"].get(parts["last"])
        if not place or not place["candidate"]:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no requests of both arms yet")
        reference = place["reference"]
        phi, bounds = reference["dispersion"]["short"], reference["bounds"]
        n_s, n_c = sum(place["stable"]), sum(place["candidate"])
        stable = estimate(self.quantile, bounds, place["stable"], phi)
        candidate = estimate(self.quantile, bounds, place["candidate"], phi)
        of_candidate = described("candidate's", self.quantile, bounds, candidate)
        of_stable = described("stable's", self.quantile, bounds, stable)
        sentence = f"{of_candidate} over {count(n_c, 'request')}, {of_stable} over {count(n_s)}"
        return Reading(harm, proof, n_s, n_c, stable, candidate, sentence)


def limit_for_users(test: LatencyAgainstStable, state: State) -> tuple[float, float] | None:
    """Give what the proof would have let pass, as a limit for the candidate alone.

    It is about what the router measured, whatever was compared last: servers measure less, so that
    what copies took is no limit for users. And it is at a bucket bound, so that every request is
    known to be on one side of it.

    Args:
        test: The comparison.
        state: Its state.

    Returns:
        A quantile and a latency in seconds, on the upper bound of stable's share of slow requests;
        None if the router has not measured enough of stable.
    """
    places: Any = state.get("places", {})
    place = places.get(str(Metric.LATENCY))
    if place is None:
        return None
    reference = LatencyReference.from_json(place["reference"])
    if not reference.ready:
        return None
    reference = reference.prepared(test.quantile, test.ratio, test.margin)
    counted = place["stable"] or reference.learned
    scatter = reference.scatter
    dispersion = reference.dispersion if scatter is None else scatter.dispersion()
    slow = sum(counted[reference.slow + 1 :])
    _, high = share_interval(slow, sum(counted), dispersion.short)
    share = reference.limit.ratio * high + reference.limit.margin
    return max(1 - share, 0.01), reference.bounds[reference.slow]


def _empty_place() -> dict[str, Any]:
    return {"reference": LatencyReference().to_json(), "stable": [], "candidate": []}


def _asked_anew(proof: Sequence[float]) -> list[float]:
    """Give the proof's start when its bound was chosen again.

    It takes over no more than it had, nor more than 1. So whoever is worse at both bounds is
    proved safe with no more than the stated risk, and whoever is worse at the new one likewise.
    """
    return [min(log_mean(proof, LOG_PROOF_WEIGHTS), 0.0)] * len(proof)


def _counted(
    place: dict[str, Any], candidate: Sequence[float], stable: Sequence[float]
) -> dict[str, Any]:
    counted = dict(place)
    for arm, block in (("stable", stable), ("candidate", candidate)):
        before = place[arm] or [0.0] * len(block)
        counted[arm] = [a + x for a, x in zip(before, block, strict=True)]
    return counted
