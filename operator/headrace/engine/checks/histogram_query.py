"""The check of a user's own histogram: the latency tests, on other buckets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.state import own
from headrace.engine.checks.wording import count, number, number_range
from headrace.engine.observations import Interval, Metric, MetricKey
from headrace.engine.verdicts import Reading


@dataclass(frozen=True, slots=True)
class HistogramQuery:
    """Are the candidate's values larger than tolerated?

    Values are counted in buckets with bounds above 0; larger is worse.

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        metric: Whose buckets.
        identity: The query, in the state: another query is another test.
        quantile: That the figures are of, in (0, 1).
        test: What judges them, as if they were latencies.
        limit: The absolute limit in words; empty if the check compares.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    metric: MetricKey
    identity: str
    quantile: float
    test: SequentialCheck
    limit: str = ""
    share: float = 0.5

    reason = "Histogram"

    @property
    def compares(self) -> bool:
        """Whether it needs data of both arms."""
        return self.test.compares

    @property
    def _test(self) -> str:
        return f"histogram/1 {self.identity}"

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the metric; copies of requests change nobody's counters."""
        return (self.metric,) if live else ()

    def initial(self) -> State:
        """Give the state before any data."""
        return {"test": self._test, "inner": dict(self.test.initial())}

    def absorb(self, state: State, interval: Interval) -> State:
        """Use one interval, once."""
        if interval.metric != self.metric:
            return state
        parts = own(state, self._test, self.initial)
        seen = replace(interval, metric=Metric.LATENCY)
        parts["inner"] = dict(self.test.absorb(parts["inner"], seen))
        return parts

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        found = self.test.read(own(state, self._test, self.initial)["inner"])
        if found.candidate is None:
            return replace(found, sentence="no data of both arms in the same buckets yet")
        said = [self._said("candidate", found.candidate, found.candidate_samples)]
        if found.stable is not None:
            said.append(self._said("stable", found.stable, found.stable_samples))
        if self.limit:
            said.append(self.limit)
        return replace(found, sentence=", ".join(said))

    def _said(self, arm: str, figure: Estimate, samples: float) -> str:
        quantile = f"{arm}'s p{100 * self.quantile:.4g} is {number(figure.value)}"
        return f"{quantile} over {count(samples, 'value')} ({number_range(figure)})"
