"""What is drawn for checks of other numbers than requests and latency: one family each.

Both arms are drawn by the same rule. A scenario says what it gives for the candidate, and its
`before` for stable and for a candidate that has not turned bad yet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Protocol

import numpy as np

from headrace.api import Check, LatencyLimit, RolloutSpec
from headrace.engine.checks.build import queries_of
from headrace.engine.observations import (
    Categories,
    Counts,
    Histogram,
    Level,
    Metric,
    MetricKey,
    Sums,
    Value,
    feature_of,
)
from headrace.engine.strategies.build import metrics_of
from headrace.simulate.scenario import Latency, Scenario, Slowdown
from headrace.simulate.traffic import chances_of

Dice = np.random.Generator

BINS = tuple(f"bin {index}" for index in range(1, 11))
"""Each has a tenth of the training data."""
TRAINING = Categories(BINS, (1000.0,) * len(BINS))

_BAD_EVENTS = 0.05
"""Share of bad events where a check of kind `Counts` compares the arms."""
_SPREAD = 0.5
"""Standard deviation of the values of a `Mean`, relative to it."""
_NOISE = 0.05
"""The same of a `Value`, relative to its threshold."""
_SCALE = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0)
"""Bucket bounds of a `Histogram`, relative to its limit."""


class Family(Protocol):
    """Numbers of one kind."""

    @property
    def knob(self) -> str:
        """The field of a scenario that makes them bad."""
        ...

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw what an arm did with so many requests."""
        ...


@dataclass(frozen=True, slots=True)
class Rewards:
    """Each answer is rewarded at once, or not."""

    knob = "gain"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw the rewards."""
        earned = float(dice.binomial(n, min(scenario.reward * scenario.gain, 1.0)))
        return Sums(float(n), earned, earned)


@dataclass(frozen=True, slots=True)
class Agreements:
    """Pairs of answers, of which some disagree."""

    knob = "disagreeing"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw the disagreements."""
        return Counts(float(dice.binomial(n, scenario.disagreeing)), float(n))


@dataclass(frozen=True, slots=True)
class Bins:
    """Predictions, or values of an input, by bin."""

    knob = "drift"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw the bins."""
        counts = dice.multinomial(n, tilted(scenario.drift))
        return Categories(BINS, tuple(counts.astype(float).tolist()))


@dataclass(frozen=True, slots=True)
class Events:
    """A user's counted events; `share` of them are bad."""

    share: float
    knob = "counts"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw one event per request."""
        bad = dice.binomial(n, min(self.share * scenario.counts, 1.0))
        return Counts(float(bad), float(n))


@dataclass(frozen=True, slots=True)
class Amounts:
    """A user's values with a mean, drawn from a gamma distribution.

    Attributes:
        mean: >= 0.
        higher_is_better: Else lower is.
        squared: Whether their squares are counted too.
    """

    mean: float
    higher_is_better: bool
    squared: bool
    knob = "means"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw one value per request."""
        worse = 1 / scenario.means if self.higher_is_better else scenario.means
        shape, mean = 1 / _SPREAD**2, self.mean * worse
        if not self.squared:
            return Sums(float(n), float(dice.gamma(n * shape, mean / shape)) if n else 0.0)
        values = dice.gamma(shape, mean / shape, n)
        return Sums(float(n), float(values.sum()), float((values * values).sum()))


@dataclass(frozen=True, slots=True)
class Sizes:
    """A user's values in buckets."""

    latency: Latency
    knob = "histograms"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw one value per request."""
        counts = dice.multinomial(n, chances_of(self.latency, 1.0, Slowdown(scenario.histograms)))
        edges = (*self.latency.bounds, math.inf)
        return Histogram(edges, tuple(counts.astype(float).tolist()))


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number of the user's own, around half of its threshold while all is well.

    Attributes:
        limit: The threshold.
        above: Whether a number above it is bad; else one below is.
    """

    limit: float
    above: bool
    knob = "level"

    def draw(self, dice: Dice, n: int, scenario: Scenario) -> Value:
        """Draw one look."""
        scale = abs(self.limit) or 1.0
        beyond = scale * (scenario.level - 1 + _NOISE * dice.standard_normal())
        return Level(self.limit + (beyond if self.above else -beyond))


def families_of(spec: RolloutSpec) -> Mapping[MetricKey, Family]:
    """Give what must be drawn for a spec beside requests and latency."""
    checks = queries_of(spec.analysis)
    found: dict[MetricKey, Family] = {}
    for metric in metrics_of(spec):
        if metric in checks:
            found[metric] = _of_query(checks[metric])
        elif metric == Metric.REWARD:
            found[metric] = Rewards()
        elif metric == Metric.AGREEMENT:
            found[metric] = Agreements()
        elif metric == Metric.PREDICTION or feature_of(metric) is not None:
            found[metric] = Bins()
    return found


def _of_query(check: Check) -> Family:
    limit = check.below if check.above is None else check.above
    if isinstance(limit, LatencyLimit):
        return Sizes(_sizes(limit.limit, limit.quantile))
    assert limit is None or isinstance(limit, float), "drift is no query"
    match check.kind:
        case "Counts":
            return Events(_BAD_EVENTS if limit is None else limit / 2)
        case "Mean":
            squared = check.squares is not None
            return Amounts(_mean(limit, check), check.higher_is_better, squared)
        case "Histogram":
            return Sizes(_sizes(1.0, 0.95))
    assert limit is not None, "the schema asks for exactly one limit"
    return Gauge(limit, check.above is not None)


def _mean(limit: float | None, check: Check) -> float:
    if limit is None or (check.higher_is_better and limit <= 0):
        return 1.0
    return 2 * limit if check.higher_is_better else max(limit, 0.0) / 2


def _sizes(limit: float, quantile: float) -> Latency:
    """Give values whose quantile is half of a limit."""
    usual = Latency()
    median = limit / 2 / math.exp(usual.spread * NormalDist().inv_cdf(quantile))
    bounds = tuple(limit * factor for factor in _SCALE)
    return Latency(median=median, spread=usual.spread, bounds=bounds)


@lru_cache(maxsize=64)
def tilted(index: float) -> tuple[float, ...]:
    """Give shares of the bins at a population stability index from equal ones.

    Args:
        index: >= 0.
    """
    places = np.linspace(-1, 1, len(BINS))
    low, high = 0.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        shares = np.exp(middle * places - middle)
        shares /= shares.sum()
        if _stability_index(shares) < index:
            low = middle
        else:
            high = middle
    return tuple(shares.tolist())


def _stability_index(shares: np.typing.NDArray[np.float64]) -> float:
    equal = 1 / len(shares)
    return float(((shares - equal) * np.log(shares / equal)).sum())
