"""The error-rate checks: compared with stable, or against an absolute limit.

Counts come from the router, which sees what a server cannot tell: refused connections, resets,
timeouts. While the candidate is only mirrored to, its answers to copies are compared with what
stable answered to the users at the same time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headrace.api.status import Interval as Estimate
from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.base import State
from headrace.engine.checks.blocks import counts, overlaps
from headrace.engine.checks.reference import FailureReference
from headrace.engine.checks.shares import (
    LOG_EFFECT_WEIGHTS,
    LOG_PROOF_WEIGHTS,
    WithinLimit,
    grown_harm,
)
from headrace.engine.checks.state import own
from headrace.engine.checks.wording import count, percent, percent_with_range
from headrace.engine.kernels.confidence import share_interval
from headrace.engine.kernels.mixture import Onsets, grown, log_mean
from headrace.engine.observations import Counts, Halves, Interval, Metric, MetricKey, Value
from headrace.engine.verdicts import Reading

DEFAULT_MARGIN = 0.005
"""Half a percentage point: without it a service that never fails could never be proved."""
METRICS = (Metric.REQUESTS, Metric.MIRRORED)


def estimate(bad: float, total: float, phi: float) -> Estimate:
    """Give a share with its anytime-valid interval; there are exposures."""
    low, high = share_interval(bad, total, phi)
    return Estimate(value=bad / total, low=low, high=high)


def failed(arm: str, bad: float, total: float, share: Estimate) -> str:
    """Say how many requests an arm failed."""
    of_all = f"{arm} failed {count(bad)} of {count(total, 'request')}"
    return f"{of_all} ({percent_with_range(share)})"


@dataclass(frozen=True)
class ErrorRateAgainstStable:
    """Is the candidate's share of failed requests worse than stable's?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        tolerance: Harm is proved against `p_c <= tolerance p_s`; >= 1.
        limit: Safety is proved against `p_c >= ratio p_s + margin`.
        share: Its prior share of the risk.
        enough: Logarithm of the evidence of harm beyond which no more is needed; `inf` if that
            is not known. A test that knows its line reaches it sooner.
    """

    name: str
    required: bool
    tolerance: float
    limit: WithinLimit
    share: float = 1.0
    enough: float = math.inf

    reason = "ErrorRate"
    compares = True

    @cached_property
    def _test(self) -> str:
        limit = self.limit
        return f"error-rate/3 {self.tolerance!r} {limit.ratio!r} {limit.margin!r}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name live requests, or copies while there are only those."""
        return (Metric.REQUESTS,) if live else (Metric.MIRRORED,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "reference": FailureReference().to_json(),
            "harm": Onsets().to_json(),
            "proof": [],
            "stable": [0.0, 0.0],
            "candidate": [0.0, 0.0],
            "used": [],
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn from stable's history, or gather evidence from both arms.

        Once the rollout has data, stable is learned from blocks only after they were judged, so
        that no guess knows the block that it is used for.
        """
        if interval.metric == Metric.SERVED:
            return self._with_halves(state, interval.stable)
        if interval.metric not in METRICS:
            return state
        parts = self._parts(state)
        reference = FailureReference.from_json(parts["reference"])
        stable, candidate = counts(interval.stable), counts(interval.candidate)
        if candidate is not None and reference.scatter is not None:
            reference = reference.fixed()
            parts["reference"] = reference.to_json()
        is_history = reference.scatter is not None and interval.metric == Metric.REQUESTS
        if stable is None or overlaps(interval, parts["used"]):
            return parts
        if candidate is not None:
            self._judge(parts, reference, candidate, stable)
        elif not is_history:
            return parts
        parts["reference"] = reference.learned(stable).to_json()
        parts["used"] = [interval.start, interval.end]
        return parts

    def _parts(self, state: State) -> dict[str, Any]:
        return dict(state if state.get("test") == self._test else self.initial())

    def _with_halves(self, state: State, halves: Value | None) -> State:
        if not isinstance(halves, Halves):
            return state
        parts = self._parts(state)
        reference = FailureReference.from_json(parts["reference"])
        return parts | {"reference": reference.with_halves(halves).to_json()}

    def _judge(
        self,
        parts: dict[str, Any],
        reference: FailureReference,
        candidate: Counts,
        stable: Counts,
    ) -> None:
        phi = reference.dispersion.tempering(candidate.total, stable.total)
        base = reference.share
        harm = grown_harm(
            Onsets.from_json(parts["harm"]),
            candidate,
            stable,
            tolerance=self.tolerance,
            base=base,
            phi=phi,
            limit=self.enough,
        )
        proof = self.limit.log_proof(candidate, stable, base)
        parts["harm"] = harm.to_json()
        parts["proof"] = grown(parts["proof"], proof, phi)
        for arm, block in (("stable", stable), ("candidate", candidate)):
            bad, total = parts[arm]
            parts[arm] = [bad + block.bad, total + block.total]

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = self._parts(state)
        harm = Onsets.from_json(parts["harm"]).log_evidence(LOG_EFFECT_WEIGHTS)
        proof = log_mean(parts["proof"], LOG_PROOF_WEIGHTS)
        (x_s, n_s), (x_c, n_c) = parts["stable"], parts["candidate"]
        if not n_c:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no requests of both arms yet")
        phi = parts["reference"]["dispersion"]["short"]
        stable, candidate = estimate(x_s, n_s, phi), estimate(x_c, n_c, phi)
        sentence = (
            f"{failed('candidate', x_c, n_c, candidate)}, {failed('stable', x_s, n_s, stable)}"
        )
        return Reading(harm, proof, n_s, n_c, stable, candidate, sentence)


@dataclass(frozen=True)
class ErrorRateAgainstLimit:
    """Is the candidate's share of failed requests above an absolute limit?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        limit: The test against the limit.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    limit: AbsoluteLimit
    share: float = 1.0

    reason = "ErrorRate"
    compares = False

    @cached_property
    def _test(self) -> str:
        return f"error-rate-limit/3 {self.limit.share!r}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name live requests, or copies while there are only those."""
        return (Metric.REQUESTS,) if live else (Metric.MIRRORED,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "reference": FailureReference().to_json(),
            "evidence": self.limit.initial(),
            "candidate": [0.0, 0.0],
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn from stable's history, or gather evidence from the candidate."""
        if interval.metric not in METRICS:
            return state
        parts = own(state, self._test, self.initial)
        reference = FailureReference.from_json(parts["reference"])
        stable, candidate = counts(interval.stable), counts(interval.candidate)
        if candidate is not None:
            reference = reference.fixed()
            bad, total = parts["candidate"]
            parts["candidate"] = [bad + candidate.bad, total + candidate.total]
            parts["evidence"] = self.limit.grown(
                parts["evidence"], candidate, candidate, reference.dispersion.short
            )
        elif stable is not None and reference.scatter and interval.metric == Metric.REQUESTS:
            reference = reference.learned(stable)
        parts["reference"] = reference.to_json()
        return parts

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = own(state, self._test, self.initial)
        harm, proof = self.limit.evidence(parts["evidence"])
        bad, total = parts["candidate"]
        if not total:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no requests of the candidate yet")
        candidate = estimate(bad, total, parts["reference"]["dispersion"]["short"])
        sentence = (
            f"{failed('candidate', bad, total, candidate)}, limit {percent(self.limit.share)}"
        )
        return Reading(harm, proof, 0.0, total, None, candidate, sentence)
