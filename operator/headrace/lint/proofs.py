"""How much traffic the proofs need at a rate that the user gives.

What is known of a service before it is asked: a rate, a share of failures, and perhaps how long
answers take. Requests are taken for independent, so that these are the least amounts;
`headrace.engine.preflight` says more once stable's past is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from headrace.api import AbTest, Analysis, Bandit, RolloutSpec
from headrace.api.fields import format_duration
from headrace.engine.expectation import NONE, Past
from headrace.engine.preflight import Forecast, Stage, forecast
from headrace.engine.strategies.build import strategy_of
from headrace.errors import Fault
from headrace.lint import catalogue
from headrace.lint.advice import Advice, router_bounds

_MOST_INTERVALS = 2000
_SHORT = 20
_NORMAL = NormalDist()
_SEEN = 1e6
"""Answers that a guess of latencies stands for: enough to be taken for known."""


@dataclass(frozen=True, slots=True)
class Today:
    """What a person knows of a service.

    Attributes:
        rate: Requests per second of all arms, > 0.
        failing: Stable's share of failed requests, in (0, 1).
        median: Seconds that half of the answers take; None if it is not known.
        p95: Seconds that 95 of 100 take, > median; None likewise.
    """

    rate: float
    failing: float = 0.01
    median: float | None = None
    p95: float | None = None

    def past(self, spec: RolloutSpec, share: float) -> Past:
        """Give it as if it had been seen, for arms that have a share of all requests.

        Latencies are taken for log-normal, as they hardly ever are, but with about the slow ones
        that the two quantiles say.
        """
        if self.median is None or self.p95 is None:
            return Past(rate=self.rate * share, failing=self.failing, failures=NONE)
        bounds = router_bounds(spec)
        scale = math.log(self.p95 / self.median) / _NORMAL.inv_cdf(0.95)
        below = [_NORMAL.cdf(math.log(bound / self.median) / scale) for bound in bounds]
        counts = [_SEEN * (high - low) for low, high in pairwise([0.0, *below, 1.0])]
        return Past(
            rate=self.rate * share,
            failing=self.failing,
            failures=NONE,
            bounds=tuple(bounds),
            latency=tuple(counts),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """When both arms serve users, as the forecast takes it.

    Attributes:
        stages: In order; empty where users are never served by both.
        share: What the two arms that are compared have of all requests, in (0, 1].
        analysis: With the strategy's own `maxDuration`.
    """

    stages: tuple[Stage, ...]
    share: float
    analysis: Analysis


def schedule_of(spec: RolloutSpec) -> Schedule:
    """Give a spec's schedule; of several candidates that of each one against stable."""
    chosen = spec.strategy.chosen
    if isinstance(chosen, AbTest | Bandit):
        candidates = 1 + len(spec.challengers)
        together = 100 * candidates / (candidates + 1)
        if isinstance(chosen, AbTest) and chosen.split is not None:
            together = chosen.split
        each, stable = together / candidates, 100 - together
        stage = Stage(chosen.max_duration, each / (each + stable))
        analysis = spec.analysis.model_copy(update={"max_duration": chosen.max_duration})
        return Schedule((stage,), (each + stable) / 100, analysis)
    stages = tuple(
        Stage(step.hold, step.traffic.live / 100)
        for step in strategy_of(spec).steps
        if 0 < step.traffic.live < 100 and step.hold
    )
    return Schedule(stages, 1.0, spec.analysis)


def forecasts(spec: RolloutSpec, today: Today) -> tuple[Forecast, ...]:
    """Forecast the checks that compare the arms' errors, and their latencies if they are known.

    Args:
        spec: Valid.
        today: What is known of the service.
    """
    schedule = schedule_of(spec)
    longest = max(schedule.analysis.max_duration, sum(stage.seconds for stage in schedule.stages))
    return _forecast(schedule, schedule.stages, longest / _MOST_INTERVALS, spec, today)


def forecasts_at(spec: RolloutSpec, weight: float, today: Today) -> tuple[Forecast, ...]:
    """Forecast the same as if the whole rollout were at one weight; only its proofs are meant.

    Args:
        spec: Valid.
        weight: The candidate's share of what the two arms have, in (0, 1).
        today: What is known of the service.
    """
    schedule = schedule_of(spec)
    finest = schedule.analysis.max_duration / (10 * _MOST_INTERVALS)
    interval = max(schedule.analysis.interval, finest)
    # The last weight goes on after its stage, and a short stage leaves little harm to search for.
    stage = Stage(_SHORT * interval, weight)
    return _forecast(schedule, (stage,), interval, spec, today)


def _forecast(
    schedule: Schedule,
    stages: tuple[Stage, ...],
    finest: float,
    spec: RolloutSpec,
    today: Today,
) -> tuple[Forecast, ...]:
    # What is expected of two intervals is what is expected of one that is twice as long.
    interval = max(schedule.analysis.interval, finest)
    analysis = schedule.analysis.model_copy(update={"interval": interval})
    return forecast(analysis, stages, today.past(spec, schedule.share))


def slow_proofs(spec: RolloutSpec, today: Today) -> Iterator[Advice]:
    """Name every required check whose proof will not come within `maxDuration`."""
    places = {check.name: index for index, check in enumerate(spec.analysis.checks)}
    longest = format_duration(schedule_of(spec).analysis.max_duration)
    for found in forecasts(spec, today):
        if found.hopeless:
            path = f"spec.analysis.checks[{places[found.check]}]"
            problem = f"cannot be proved in {longest} at {today.rate:g} requests a second"
            expected = "a longer maxDuration, larger weights, or a wider ratio or margin"
            yield catalogue.SLOW_PROOF, Fault(path, problem, expected)
