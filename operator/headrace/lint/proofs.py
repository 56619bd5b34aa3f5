"""How much traffic the proofs need at a rate that the user gives.

What is known of a service before it is asked: a rate and a share of failures. Requests are taken
for independent, so that these are the least amounts; `headrace.engine.preflight` says more once
stable's past is known. Checks of latency need that past, and are left out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.api import AbTest, Analysis, Bandit, RolloutSpec
from headrace.api.fields import format_duration
from headrace.engine.expectation import NONE, Past
from headrace.engine.preflight import Forecast, Stage, forecast
from headrace.engine.strategies.build import strategy_of
from headrace.errors import Fault
from headrace.lint import catalogue
from headrace.lint.advice import Advice

_MOST_INTERVALS = 2000
_SHORT = 20


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


def forecasts(spec: RolloutSpec, rate: float, error_rate: float) -> tuple[Forecast, ...]:
    """Forecast the checks of errors that compare the arms.

    Args:
        spec: Valid.
        rate: Requests per second of all arms, > 0.
        error_rate: Stable's share of failed requests, in (0, 1).
    """
    schedule = schedule_of(spec)
    longest = max(schedule.analysis.max_duration, sum(stage.seconds for stage in schedule.stages))
    return _forecast(schedule, schedule.stages, longest / _MOST_INTERVALS, rate, error_rate)


def forecasts_at(
    spec: RolloutSpec, weight: float, rate: float, error_rate: float
) -> tuple[Forecast, ...]:
    """Forecast the same as if the whole rollout were at one weight; only its proofs are meant.

    Args:
        spec: Valid.
        weight: The candidate's share of what the two arms have, in (0, 1).
        rate: Requests per second of all arms, > 0.
        error_rate: Stable's share of failed requests, in (0, 1).
    """
    schedule = schedule_of(spec)
    finest = schedule.analysis.max_duration / (10 * _MOST_INTERVALS)
    interval = max(schedule.analysis.interval, finest)
    # The last weight goes on after its stage, and a short stage leaves little harm to search for.
    stage = Stage(_SHORT * interval, weight)
    return _forecast(schedule, (stage,), interval, rate, error_rate)


def _forecast(
    schedule: Schedule,
    stages: tuple[Stage, ...],
    finest: float,
    rate: float,
    error_rate: float,
) -> tuple[Forecast, ...]:
    # What is expected of two intervals is what is expected of one that is twice as long.
    interval = max(schedule.analysis.interval, finest)
    past = Past(rate=rate * schedule.share, failing=error_rate, failures=NONE)
    return forecast(schedule.analysis.model_copy(update={"interval": interval}), stages, past)


def slow_proofs(spec: RolloutSpec, rate: float, error_rate: float) -> Iterator[Advice]:
    """Name every required check whose proof will not come within `maxDuration`."""
    places = {check.name: index for index, check in enumerate(spec.analysis.checks)}
    longest = format_duration(schedule_of(spec).analysis.max_duration)
    for found in forecasts(spec, rate, error_rate):
        if found.hopeless:
            path = f"spec.analysis.checks[{places[found.check]}]"
            problem = f"cannot be proved in {longest} at {rate:g} requests a second"
            expected = "a longer maxDuration, larger weights, or a wider ratio or margin"
            yield catalogue.SLOW_PROOF, Fault(path, problem, expected)
