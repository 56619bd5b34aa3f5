"""The check of a mean whose range nobody knows: revenue, items in a basket, bytes.

It is asymptotic, other than the tests of shares: right for many values (`kernels.gaussian`).
Rewards and other values in [0, 1] have an exact test (`checks.counted`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import State
from headrace.engine.checks.spread import Spread, sums
from headrace.engine.checks.state import dump, load, own
from headrace.engine.checks.wording import count, number, number_range
from headrace.engine.kernels.gaussian import log_gaussian, mean_interval
from headrace.engine.kernels.mixture import Onsets, grown, log_mean
from headrace.engine.observations import Interval, MetricKey, Sums
from headrace.engine.verdicts import Reading

EFFECTS = (0.03, 0.06, 0.12, 0.25, 0.5)
"""In standard deviations of one value."""
LOG_WEIGHTS = (math.log(1 / len(EFFECTS)),) * len(EFFECTS)
_OF_ROOM = (0.3, 0.6, 1.0, 1.5)
"""Effects of the proof, of the distance between stable's mean and the limit."""
_LEAST_ROOM = 0.01


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of means, and the block's effective number of values.

    Attributes:
        difference: In the unit of the values; its expectation is at most 0 under the null.
        size: `1 / (1/n + b^2/n')`.
    """

    difference: float
    size: float


@dataclass(frozen=True, slots=True)
class MeanLimit:
    """What the candidate's mean may be, as a multiple of stable's or a number.

    Attributes:
        higher_is_better: Else lower is.
        ratio: The proof's factor; ignored with a number.
        tolerance: The harm's factor; the same.
        margin: What the proof's limit is loosened by, >= 0.
        number: The limit; None to compare with stable.
    """

    higher_is_better: bool
    ratio: float = 1.0
    tolerance: float = 1.0
    margin: float = 0.0
    number: float | None = None

    def contrasts(self, candidate: Sums, stable: Sums | None) -> tuple[Contrast, Contrast] | None:
        """Give the contrasts of harm and of proof; None without what to compare with."""
        if self.number is not None:
            above = candidate.sum / candidate.count - self.number
            worse = -above if self.higher_is_better else above
            return Contrast(worse, candidate.count), Contrast(-worse, candidate.count)
        if stable is None:
            return None
        # More is better: what stable may have of the candidate is asked, with the arms exchanged.
        worse_arm, arm = (stable, candidate) if self.higher_is_better else (candidate, stable)
        harm = _contrast(worse_arm, arm, self.tolerance, 0.0)
        proof = _contrast(worse_arm, arm, self.ratio, self.margin)
        return harm, Contrast(-proof.difference, proof.size)

    def room(self, mean: float) -> float:
        """Give how far a candidate that is like stable is from the proof's limit.

        Args:
            mean: Stable's.
        """
        if self.number is None:
            return (self.ratio - 1) * abs(mean) + self.margin
        room = mean - self.number if self.higher_is_better else self.number - mean
        return max(room, 0.0)


def _contrast(larger: Sums, smaller: Sums, factor: float, margin: float) -> Contrast:
    difference = larger.sum / larger.count - factor * smaller.sum / smaller.count - margin
    return Contrast(difference, 1 / (1 / larger.count + factor * factor / smaller.count))


@dataclass(frozen=True, slots=True)
class Mean:
    """Is the candidate's mean worse than tolerated?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        metric: Whose sums.
        identity: The query, in the state: another query is another test.
        limit: What the mean may be.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    metric: MetricKey
    identity: str
    limit: MeanLimit
    share: float = 0.5

    reason = "Mean"

    @property
    def compares(self) -> bool:
        """Whether it needs data of both arms."""
        return self.limit.number is None

    @property
    def _test(self) -> str:
        return f"mean/1 {self.limit!r} {self.identity}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the metric; copies of requests change nobody's counters."""
        return (self.metric,) if live else ()

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "stable": dump(Spread()),
            "candidate": dump(Spread()),
            "history": dump(Spread()),
            "harm": Onsets().to_json(),
            "proof": [],
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn from stable's history, or gather evidence.

        A block is learned from after it was judged, so that no guess knows the block that it is
        used for.
        """
        if interval.metric != self.metric:
            return state
        parts = own(state, self._test, self.initial)
        stable, candidate = sums(interval.stable), sums(interval.candidate)
        history = load(Spread, parts["history"])
        if candidate is not None:
            contrasts = self.limit.contrasts(candidate, stable)
            if contrasts is None:
                return parts
            self._judge(parts, history, *contrasts)
            parts["candidate"] = dump(load(Spread, parts["candidate"]).learned(candidate))
            if stable is not None:
                parts["stable"] = dump(load(Spread, parts["stable"]).learned(stable))
        elif parts["candidate"]["count"]:
            return parts
        if stable is not None:
            parts["history"] = dump(history.learned(stable))
        return parts

    def _judge(
        self, parts: dict[str, Any], history: Spread, harm: Contrast, proof: Contrast
    ) -> None:
        sigma = _sigma(parts, history)
        if sigma is None:
            return
        known = history if history.count else load(Spread, parts["candidate"])
        room = max(self.limit.room(known.mean) / sigma, _LEAST_ROOM)
        harmful = log_gaussian(harm.difference / sigma, harm.size, EFFECTS)
        near = [factor * room for factor in _OF_ROOM]
        proving = log_gaussian(proof.difference / sigma, proof.size, near)
        parts["harm"] = Onsets.from_json(parts["harm"]).grown(harmful, 1.0).to_json()
        parts["proof"] = grown(parts["proof"], proving, 1.0)

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = own(state, self._test, self.initial)
        harm = Onsets.from_json(parts["harm"]).log_evidence(LOG_WEIGHTS)
        proof = log_mean(parts["proof"], (math.log(1 / len(_OF_ROOM)),) * len(_OF_ROOM))
        candidate, stable = load(Spread, parts["candidate"]), load(Spread, parts["stable"])
        if not candidate.count:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no data of the candidate yet")
        sigma = _sigma(parts, load(Spread, parts["history"])) or 0.0
        of_candidate = _estimate(candidate, sigma)
        said = [_said("candidate", candidate, of_candidate, sigma)]
        of_stable = None
        if self.limit.number is not None:
            said.append(f"limit {number(self.limit.number)}")
        elif stable.count:
            of_stable = _estimate(stable, sigma)
            said.append(_said("stable", stable, of_stable, sigma))
        n_s = stable.count if self.compares else 0.0
        sentence = ", ".join(said)
        return Reading(harm, proof, n_s, candidate.count, of_stable, of_candidate, sentence)


def _sigma(parts: dict[str, Any], history: Spread) -> float | None:
    """Give the larger of the arms' standard deviations; None while none is known."""
    variances = [history.variance, load(Spread, parts["candidate"]).variance]
    known = [variance for variance in variances if variance is not None]
    return math.sqrt(max(known)) if known else None


def _estimate(arm: Spread, sigma: float) -> Estimate:
    low, high = mean_interval(arm.mean, sigma, arm.count)
    return Estimate(value=arm.mean, low=low, high=high)


def _said(arm: str, spread: Spread, figure: Estimate, sigma: float) -> str:
    between = number_range(figure) if sigma else "scatter not known yet"
    average = f"{arm}'s mean is {number(figure.value)}"
    return f"{average} over {count(spread.count, 'value')} ({between})"
