"""What a rollout will do, said before it starts: its steps, their traffic, its ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.api import AbTest, Bandit, Check, RolloutSpec
from headrace.api.fields import format_duration
from headrace.engine.preflight import Forecast
from headrace.engine.strategies.build import strategy_of
from headrace.lint.proofs import Schedule, Today, forecasts, forecasts_at, schedule_of


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
class Unforeseen:
    """A check that is not forecast.

    Attributes:
        check: Its name.
        why: What a forecast would have to know, as a clause.
    """

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """A whole rollout.

    Attributes:
        steps: In order.
        seconds: The least time before the switch.
        max_duration: Seconds after which it gives up.
        forecasts: What the checks will find and prove over the whole schedule.
        unforeseen: Checks of which nothing can be said from what is known; none without a rate.
    """

    steps: tuple[StepOutlook, ...]
    seconds: float
    max_duration: float
    forecasts: tuple[Forecast, ...]
    unforeseen: tuple[Unforeseen, ...]


def outlook_of(spec: RolloutSpec, today: Today | None) -> Outlook:
    """Say what a rollout will do.

    Args:
        spec: Valid.
        today: What is known of the service; None says nothing of traffic.
    """
    chosen, strategy = spec.strategy.chosen, strategy_of(spec)
    if isinstance(chosen, AbTest | Bandit):
        steps: tuple[StepOutlook, ...] = (_experiment(spec, chosen, today),)
    else:
        steps = tuple(_steps(spec, today))
    found = () if today is None else forecasts(spec, today)
    known = {forecast.check for forecast in found}
    others = tuple(
        Unforeseen(check.name, _why_not(check, schedule_of(spec), today))
        for check in spec.analysis.checks
        if today is not None and check.name not in known
    )
    seconds = sum(step.seconds for step in steps)
    return Outlook(steps, seconds, strategy.max_duration, found, others)


def _why_not(check: Check, schedule: Schedule, today: Today) -> str:
    """Say what a forecast of a check would have to know."""
    if check.kind == "Value":
        return "a plain threshold, which proves nothing"
    if check.worse_than_stable is None:
        return "how far stable is from its limit is known once it is seen"
    if not schedule.stages:
        return "users are never served by both versions"
    if check.metric == "latency" and today.median is None:
        return "give --median and --p95, how long answers take today"
    if check.metric in ("error-rate", "latency"):
        return "its limit is finer than the buckets that are counted"
    return "how its values scatter is known once they are seen"


def _steps(spec: RolloutSpec, today: Today | None) -> Iterator[StepOutlook]:
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
            requests=None if today is None else today.rate * step.hold * share,
            needs=_needs(spec, today, traffic.live / 100) if step.hold else (),
        )
        start += step.hold


def _experiment(spec: RolloutSpec, chosen: AbTest | Bandit, today: Today | None) -> StepOutlook:
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
        requests=None if today is None else today.rate * chosen.max_duration * live / 100,
        needs=_needs(spec, today, stage.weight),
    )


def _needs(spec: RolloutSpec, today: Today | None, weight: float) -> tuple[Need, ...]:
    """Say what the proofs need while a candidate has a share of what the two arms have."""
    if today is None or not 0 < weight < 1:
        return ()
    per_second = today.rate * schedule_of(spec).share * weight
    return tuple(
        Need(found.check, after, None if after is None else after * per_second)
        for found in forecasts_at(spec, weight, today)
        for after in (found.proved_after,)
    )
