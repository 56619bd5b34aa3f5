"""Shares from elsewhere, judged by the tests of failed requests: a user's counters, and rewards.

Those tests hold for any values in [0, 1], not for failures only: `a^y b^(1-y) <= y a + (1-y) b`,
so a fractional value has no larger mean than a coin of the same share. Rewards are such values.
They are judged exactly, without a guess of their variance; where they all lie close together,
a check of kind `Mean` finds smaller differences.

More is better for rewards. "The candidate earns no less than stable" is then "stable earns no
more than the candidate": the same question with the arms exchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headrace.api.status import Interval as Estimate
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.blocks import counts
from headrace.engine.checks.state import own
from headrace.engine.checks.wording import count, number, number_range, percent_with_range
from headrace.engine.observations import Counts, Interval, Metric, MetricKey, Sums, Value
from headrace.engine.verdicts import Reading


def earned(value: Value | None) -> Counts | None:
    """Give rewards as the share that was earned of what could have been."""
    if not isinstance(value, Sums):
        return None
    return counts(Counts(value.sum, value.count))


def lost(value: Value | None) -> Counts | None:
    """Give rewards as the share that was not earned."""
    had = earned(value)
    return Counts(had.total - had.bad, had.total) if had is not None else None


def _say_share(arm: str, share: Estimate, samples: float) -> str:
    bad = f"{count(share.value * samples)} of {count(samples)} bad"
    return f"{arm} has {bad} ({percent_with_range(share)})"


def _say_reward(arm: str, share: Estimate, samples: float) -> str:
    average = f"{arm} earned {number(share.value)} on average"
    return f"{average} over {count(samples, 'reward')} ({number_range(share)})"


@dataclass(frozen=True, slots=True)
class Source:
    """Where shares come from, and how they are called.

    Attributes:
        metric: Their metric.
        reason: What the check's reasons begin with.
        view: Reads an arm's observation as counts; None where there is nothing to read.
        exchanged: Whether the arms are exchanged, because more is better.
        complement: Whether the figure to show is what is left of the counted share.
        identity: The query, in the state: another query is another test.
    """

    metric: MetricKey
    reason: str
    view: Callable[[Value | None], Counts | None]
    exchanged: bool = False
    complement: bool = False
    identity: str = ""

    def say(self, arm: str, share: Estimate, samples: float) -> str:
        """Say an arm's figure."""
        if self.view is counts:
            return _say_share(arm, share, samples)
        return _say_reward(arm, share, samples)


def of_rewards(*, compared: bool) -> Source:
    """Give the rewards that the model servers count.

    Args:
        compared: With stable; else with a limit.
    """
    if compared:
        return Source(Metric.REWARD, "Reward", earned, exchanged=True)
    return Source(Metric.REWARD, "Reward", lost, complement=True)


def of_query(metric: MetricKey, identity: str) -> Source:
    """Give a user's counters of bad and all events."""
    return Source(metric, "Counts", counts, identity=identity)


@dataclass(frozen=True, slots=True)
class Counted:
    """Is the candidate's share worse than tolerated?

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        source: Where the shares come from.
        test: What judges them, as if they were failed requests.
        limit: The absolute limit in words; empty if the check compares.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    source: Source
    test: SequentialCheck
    limit: str = ""
    share: float = 1.0

    @property
    def reason(self) -> str:
        """What its reasons begin with."""
        return self.source.reason

    @property
    def compares(self) -> bool:
        """Whether it needs data of both arms."""
        return self.test.compares

    @property
    def _test(self) -> str:
        return f"{self.source.reason}/1 {self.source.identity}".strip()

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the metric; copies of requests earn nothing and change nobody's counters."""
        return (self.source.metric,) if live else ()

    def initial(self) -> State:
        """Give the state before any data."""
        return {"test": self._test, "inner": dict(self.test.initial())}

    def absorb(self, state: State, interval: Interval) -> State:
        """Use one interval, once."""
        if interval.metric != self.source.metric:
            return state
        parts = own(state, self._test, self.initial)
        stable, candidate = self.source.view(interval.stable), self.source.view(interval.candidate)
        if candidate is not None and stable is None and self.compares:
            return parts
        if candidate is not None and self.source.exchanged:
            stable, candidate = candidate, stable
        seen = replace(interval, metric=Metric.REQUESTS, stable=stable, candidate=candidate)
        parts["inner"] = dict(self.test.absorb(parts["inner"], seen))
        return parts

    def read(self, state: State) -> Reading:
        """Say what the evidence is now."""
        parts: dict[str, Any] = own(state, self._test, self.initial)
        found = self.test.read(parts["inner"])
        n_s, n_c = found.stable_samples, found.candidate_samples
        stable, candidate = found.stable, found.candidate
        if self.source.exchanged:
            (n_s, n_c), (stable, candidate) = (n_c, n_s), (candidate, stable)
        if candidate is None:
            return replace(found, sentence="no data of the candidate yet")
        if self.source.complement:
            candidate = Estimate(
                value=1 - candidate.value, low=1 - candidate.high, high=1 - candidate.low
            )
        said = [self.source.say("candidate", candidate, n_c)]
        said.append(self.source.say("stable", stable, n_s) if stable else f"limit {self.limit}")
        return Reading(found.harm, found.proof, n_s, n_c, stable, candidate, ", ".join(said))
