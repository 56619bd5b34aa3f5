"""What a rollout will do, said before it starts: its steps, their traffic, its ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.api import AbTest, Bandit, RolloutSpec
from headrace.api.fields import format_duration
from headrace.engine.preflight import Forecast
from headrace.engine.strategies.build import strategy_of
from headrace.lint.proofs import forecasts, forecasts_at, schedule_of


@dataclass(frozen=True, slots=True)
class Need:
    """What a check needs at one step's traffic, if that went on.

    Attributes:
        check: Its name.
        seconds: Until an equal candidate is proved; None if not within `maxDuration`.
        requests: Of the candidate until then; None likewise.
    """

    check: str
    seconds: float | None
    requests: float | None


@dataclass(frozen=True, slots=True)
class StepOutlook:
    """One step.

    Attributes:
        what: In words, as in `weight 5 for 5m`.
        start: Observed seconds since the rollout began.
        seconds: How long it takes at least; 0 for an approval.
        live: Per cent of the users' requests that candidates answer.
        mirror: Per cent that is copied.
        requests: That candidates answer or get copies of; None without a rate.
        needs: Of the checks that can be forecast at this traffic.
    """

    what: str
    start: float
    seconds: float
    live: int
    mirror: int
    requests: float | None
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A whole rollout.

    Attributes:
        steps: In order.
        seconds: The least time before the switch.
        max_duration: Seconds after which it gives up.
        forecasts: What the checks will find and prove over the whole schedule.
        unforeseen: Names of checks of which nothing can be said from a rate alone.
    """

    steps: tuple[StepOutlook, ...]
    seconds: float
    max_duration: float
    forecasts: tuple[Forecast, ...]
    unforeseen: tuple[str, ...]


def outlook_of(spec: RolloutSpec, rate: float | None, error_rate: float) -> Outlook:
    """Say what a rollout will do.

    Args:
        spec: Valid.
        rate: Requests per second of all arms, > 0; None says nothing of traffic.
        error_rate: Stable's share of failed requests, in (0, 1).
    """
    chosen, strategy = spec.strategy.chosen, strategy_of(spec)
    if isinstance(chosen, AbTest | Bandit):
        steps: tuple[StepOutlook, ...] = (_experiment(spec, chosen, rate, error_rate),)
    else:
        steps = tuple(_steps(spec, rate, error_rate))
    found = () if rate is None else forecasts(spec, rate, error_rate)
    known = {forecast.check for forecast in found}
    others = tuple(c.name for c in spec.analysis.checks if rate is not None and c.name not in known)
    seconds = sum(step.seconds for step in steps)
    return Outlook(steps, seconds, strategy.max_duration, found, others)


def _steps(spec: RolloutSpec, rate: float | None, error_rate: float) -> Iterator[StepOutlook]:
    start = 0.0
    for step in strategy_of(spec).steps:
        traffic = step.traffic
        share = (traffic.live + traffic.mirror) / 100
        yield StepOutlook(
            what=str(step),
            start=start,
            seconds=step.hold,
            live=traffic.live,
            mirror=traffic.mirror,
            requests=None if rate is None else rate * step.hold * share,
            needs=_needs(spec, rate, error_rate, traffic.live / 100) if step.hold else (),
        )
        start += step.hold


def _experiment(
    spec: RolloutSpec, chosen: AbTest | Bandit, rate: float | None, error_rate: float
) -> StepOutlook:
    (stage,) = schedule_of(spec).stages
    share = schedule_of(spec).share
    candidates = 1 + len(spec.challengers)
    live = round(100 * candidates * stage.weight * share)
    hold = chosen.hold if isinstance(chosen, AbTest) else 0.0
    longest = format_duration(chosen.max_duration)
    name = "A/B test" if isinstance(chosen, AbTest) else "bandit, with even weights at first"
    return StepOutlook(
        what=f"{name}, for up to {longest}",
        start=0.0,
        seconds=hold,
        live=live,
        mirror=0,
        requests=None if rate is None else rate * chosen.max_duration * live / 100,
        needs=_needs(spec, rate, error_rate, stage.weight),
    )


def _needs(
    spec: RolloutSpec, rate: float | None, error_rate: float, weight: float
) -> tuple[Need, ...]:
    """Say what the proofs need while a candidate has a share of what the two arms have."""
    if rate is None or not 0 < weight < 1:
        return ()
    per_second = rate * schedule_of(spec).share * weight
    return tuple(
        Need(found.check, after, None if after is None else after * per_second)
        for found in forecasts_at(spec, weight, rate, error_rate)
        for after in (found.proved_after,)
    )
