"""The agreement check: does a mirrored candidate give the same answers as stable?"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.base import State
from headrace.engine.checks.blocks import counts
from headrace.engine.checks.error_rate import estimate
from headrace.engine.checks.state import own
from headrace.engine.checks.wording import count, percent, percent_with_range
from headrace.engine.observations import Interval, Metric, MetricKey
from headrace.engine.verdicts import Reading


@dataclass(frozen=True, slots=True)
class Agreement:
    """Do the answers to copied requests differ from those the users got, more than allowed?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        limit: The test of the disagreeing share against what is allowed.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    limit: AbsoluteLimit
    share: float = 0.5

    reason = "Agreement"
    compares = False

    @property
    def _test(self) -> str:
        return f"agreement/3 {self.limit.share!r}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the compared answers; there are none while the candidate is live."""
        return () if live else (Metric.AGREEMENT,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "evidence": self.limit.initial(),
            "candidate": [0.0, 0.0],
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Gather evidence from compared answers."""
        compared = counts(interval.candidate)
        if interval.metric != Metric.AGREEMENT or compared is None:
            return state
        parts = own(state, self._test, self.initial)
        bad, total = parts["candidate"]
        parts["candidate"] = [bad + compared.bad, total + compared.total]
        parts["evidence"] = self.limit.grown(parts["evidence"], compared, compared, 1.0)
        return parts

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts = own(state, self._test, self.initial)
        harm, proof = self.limit.evidence(parts["evidence"])
        bad, total = parts["candidate"]
        if not total:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no compared answers yet")
        candidate = estimate(bad, total, 1.0)
        sentence = (
            f"candidate's answer differed from stable's in {count(bad)} of "
            f"{count(total, 'request')} ({percent_with_range(candidate)}), "
            f"limit {percent(self.limit.share)}"
        )
        return Reading(harm, proof, 0.0, total, None, candidate, sentence)
