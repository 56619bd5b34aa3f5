"""The check of kind `Value`: a number that a query gives, against a plain threshold.

Nothing is known of how such a number comes about, so there is no error guarantee, and its
sentence says so. Its verdicts are no evidence: they stay out of the combined harm.

One look beyond the threshold holds the rollout; `LOOKS` in a row fail the check, which rolls back.
As many in a row on the right side pass it. A look without a number changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.api import Outcome
from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import State
from headrace.engine.checks.state import own
from headrace.engine.checks.wording import count, number
from headrace.engine.observations import Interval, Level, MetricKey
from headrace.engine.verdicts import Reading, Verdict

LOOKS = 3


@dataclass(frozen=True, slots=True)
class Threshold:
    """Is the number on the right side?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for it.
        metric: Whose number.
        identity: The query, in the state: another query is another check.
        limit: The threshold.
        above: Whether a number above it is bad; else one below is.
    """

    name: str
    required: bool
    metric: MetricKey
    identity: str
    limit: float
    above: bool

    share = 0.0
    reason = "Value"
    compares = False

    @property
    def _test(self) -> str:
        return f"value/1 {self.limit!r} {self.above} {self.identity}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the query; a candidate has memory and load while it is mirrored to as well."""
        return (self.metric,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {"test": self._test, "beyond": 0.0, "within": 0.0, "looks": 0.0, "last": 0.0}

    def absorb(self, state: State, interval: Interval) -> State:
        """Use one look."""
        level = interval.candidate
        if interval.metric != self.metric or not isinstance(level, Level):
            return state
        if not math.isfinite(level.value):
            return state
        parts = own(state, self._test, self.initial)
        is_beyond = level.value > self.limit if self.above else level.value < self.limit
        parts["beyond"] = parts["beyond"] + 1.0 if is_beyond else 0.0
        parts["within"] = 0.0 if is_beyond else parts["within"] + 1.0
        parts["looks"] += 1.0
        parts["last"] = level.value
        return parts

    def read(self, state: State) -> Reading:
        """Give the verdict; there is no evidence."""
        parts = own(state, self._test, self.initial)
        looks = parts["looks"]
        if not looks:
            sentence = "no number from the query yet"
            verdict = self._verdict(Outcome.INCONCLUSIVE, "NotYetSeen", sentence)
            return Reading(0.0, 0.0, 0.0, 0.0, None, None, sentence, verdict)
        last, beyond, within = parts["last"], parts["beyond"], parts["within"]
        side = "at most" if self.above else "at least"
        run = beyond or within
        kept = "beyond the limit" if beyond else "within it"
        sentence = (
            f"the query gives {number(last)}, {side} {number(self.limit)} is allowed "
            f"({kept} for {count(run, 'look')}); a plain threshold without an error guarantee"
        )
        if beyond >= LOOKS:
            verdict = self._verdict(Outcome.FAIL, "BeyondThreshold", sentence)
        elif within >= LOOKS:
            verdict = self._verdict(Outcome.PASS, "WithinThreshold", sentence)
        else:
            reason = "PerhapsBeyondThreshold" if beyond else "NotYetSettled"
            verdict = self._verdict(Outcome.INCONCLUSIVE, reason, sentence)
        figure = Estimate(value=last, low=last, high=last)
        return Reading(0.0, 0.0, 0.0, looks, None, figure, sentence, verdict)

    def _verdict(self, outcome: Outcome, reason: str, message: str) -> Verdict:
        return Verdict(self.name, outcome, f"{self.reason}{reason}", message)
