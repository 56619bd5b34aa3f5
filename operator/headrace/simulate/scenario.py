"""What happens during a simulated rollout: the traffic, the candidate, and the troubles.

A scenario is a value. `headrace.simulate.traffic` draws from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

DEFAULT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Prometheus' default buckets, in seconds."""

USUAL_DISAGREEMENT = 0.005
"""Share of its answers in which a new version that is as good differs from stable."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long requests take.

    Attributes:
        shape: `lognormal`; `gamma`, whose tail is lighter; or `two modes`, as a cache has: seven
            of ten requests take a tenth of the median of the others.
        median: Seconds (of the slower mode, where there are two), > 0.
        spread: Standard deviation of the logarithm, > 0.
        bounds: Finite upper bounds of the histogram in seconds, rising.
    """

    shape: Literal["lognormal", "gamma", "two modes"] = "lognormal"
    median: float = 0.1
    spread: float = 0.6
    bounds: tuple[float, ...] = DEFAULT_BOUNDS


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How much slower the candidate is.

    Attributes:
        factor: How many times slower, > 0; 1 for not at all.
        share: Of its requests, in [0, 1].
    """

    factor: float = 1.0
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of rollout.

    Attributes:
        name: For tables.
        rate: Requests per second of both arms together, > 0.
        base: Stable's share of failed requests, in [0, 1].
        worse: How many times as many requests fail on the candidate, >= 0.
        slowdown: How much slower it is.
        onset: Seconds after the start at which the candidate turns bad.
        latency: The healthy distribution.
        incidents: How often, in the time of the schedule, both arms fail ten times as often and
            take half as long again, for two minutes.
        burst: Variance of the failures over that of independent ones, >= 1: they come in bursts.
        wander: Standard deviation of each arm's own failure rate around its mean, relative, >= 0.
        memory: Correlation of that from one scrape to the next, in [0, 1).
        servers: How many each arm has, >= 1.
        unlike: Standard deviation of each server's own failure rate around its arm's, relative.
        outage: Share of the time in which nothing can be read of the metrics, in [0, 1): two
            minutes at a time.
        reward: Stable's mean reward, in [0, 1]; every answer is rewarded at once.
        gain: How many times as much the candidate earns, >= 0.
        disagreeing: Share of copied requests that the candidate answers otherwise, in [0, 1].
        drift: Population stability index of the candidate's predictions and inputs, from its
            training data and from stable's, >= 0.
        counts: How many times as many events are bad, of checks of kind `Counts`, >= 0.
        means: How many times as bad the mean is, of kind `Mean`, > 0.
        histograms: How many times as large the values are, of kind `Histogram`, > 0.
        level: Where the number of a `Value` lies, as a multiple of its threshold, >= 0.
    """

    name: str = "healthy"
    rate: float = 40.0
    base: float = 0.01
    worse: float = 1.0
    slowdown: Slowdown = Slowdown()
    onset: float = 0.0
    latency: Latency = Latency()
    incidents: int = 0
    burst: float = 1.0
    wander: float = 0.0
    memory: float = 0.9
    servers: int = 1
    unlike: float = 0.0
    outage: float = 0.0
    reward: float = 0.1
    gain: float = 1.0
    disagreeing: float = USUAL_DISAGREEMENT
    drift: float = 0.0
    counts: float = 1.0
    means: float = 1.0
    histograms: float = 1.0
    level: float = 0.5

    @property
    def healthy(self) -> bool:
        """Whether the candidate is no worse than stable, so that a rollback is false."""
        slower = self.slowdown.factor > 1 and self.slowdown.share > 0
        factors = (self.worse, self.counts, self.means, self.histograms)
        return (
            not slower
            and max(factors) <= 1
            and self.gain >= 1
            and self.disagreeing <= USUAL_DISAGREEMENT
            and not self.drift
            and self.level < 1
        )

    @property
    def before(self) -> Scenario:
        """The same with a candidate that is like stable, as it is before the onset."""
        return replace(
            self,
            worse=1.0,
            slowdown=Slowdown(),
            gain=1.0,
            disagreeing=min(self.disagreeing, USUAL_DISAGREEMENT),
            drift=0.0,
            counts=1.0,
            means=1.0,
            histograms=1.0,
            level=min(self.level, 0.5),
        )


def exceeds(latency: Latency, seconds: float) -> float:
    """Give the share of healthy requests that take longer.

    Args:
        latency: The distribution.
        seconds: > 0.
    """
    if latency.shape == "gamma":
        return _gamma_tail(latency, seconds)
    slow = _log_normal_tail(seconds / latency.median, latency.spread)
    if latency.shape == "lognormal":
        return slow
    return 0.7 * _log_normal_tail(10 * seconds / latency.median, latency.spread) + 0.3 * slow


def _log_normal_tail(multiple: float, spread: float) -> float:
    return 0.5 * math.erfc(math.log(multiple) / spread / math.sqrt(2))


def _gamma_tail(latency: Latency, seconds: float) -> float:
    """An Erlang distribution: its tail is a finite sum. Its shape fits the spread."""
    stages = max(1, round(1 / (math.exp(latency.spread**2) - 1)))
    # The median of an Erlang distribution is close to (stages - 1/3) times its scale.
    x = seconds * (stages - 1 / 3) / latency.median
    term = total = math.exp(-x) if x < 700 else 0.0
    for stage in range(1, stages):
        term *= x / stage
        total += term
    return min(total, 1.0)
