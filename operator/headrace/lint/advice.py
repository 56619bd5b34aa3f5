"""What a schema cannot say: a valid rollout that cannot work, or hardly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headrace.api import Promotes, RolloutSpec, Shadow, Then
from headrace.api.fields import format_duration
from headrace.api.freeze import first_gap
from headrace.engine.checks.bucket_bounds import ENVOY_DEFAULT, bound_faults
from headrace.errors import Fault
from headrace.lint import catalogue
from headrace.lint.finding import Rule
from headrace.serving.bounds import LATENCY_SECONDS

LIVE_ONLY = frozenset({"request-split", "reward", "Counts", "Mean", "Histogram"})
"""Subjects of checks that see nothing of copied requests."""
COPIES_ONLY = frozenset({"shadow-agreement"})
"""Subjects of checks that see nothing but copied requests."""

_SELDON_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

_SECRET = re.compile(
    r"^[a-z0-9+.-]+://[^/?#@]*:[^/?#@]+@"
    r"|[?&](?:sig|[^=&]*(?:token|password|secret|signature))=[^&]",
    re.IGNORECASE,
)
"""A password before the host, or a query that proves who is asking."""
_SOME_MONDAY = 1_767_571_200.0
"""The first one of 2026: advice must not depend on when it is given."""
_HORIZON = 400 * 86_400.0
"""Longer than a year, in which every schedule of use has come round."""

Advice = tuple[Rule, Fault]


@dataclass(frozen=True, slots=True)
class Hold:
    """A time that the spec asks for.

    Attributes:
        path: From `spec.strategy` on.
        seconds: How long.
        counts: Whether it is a part of the time before the switch.
    """

    path: str
    seconds: float
    counts: bool = True


def advise(spec: RolloutSpec) -> Iterator[Advice]:
    """Name what will not work as it was meant, in the spec's order."""
    holds = tuple(holds_of(spec))
    yield from _secrets(spec)
    yield from _short_holds(spec, holds)
    yield from _all_the_traffic(spec)
    yield from _timeouts(spec, holds)
    yield from _never_observed(spec)
    if spec.freeze and first_gap(spec.freeze, _SOME_MONDAY, _HORIZON) is None:
        problem = "leaves no time in which anything may change"
        yield catalogue.ALWAYS_FROZEN, Fault("spec.freeze", problem, "windows with gaps")
    for fault in bound_faults(spec.analysis, _bounds(spec)):
        yield catalogue.BETWEEN_BUCKETS, fault


def holds_of(spec: RolloutSpec) -> Iterator[Hold]:
    """Give every time for which something must be observed."""
    strategy = spec.strategy
    if strategy.canary is not None:
        for index, step in enumerate(strategy.canary.steps):
            for name, seconds in (("hold", step.hold), ("analysis", step.analysis)):
                if seconds is not None:
                    yield Hold(f"canary.steps[{index}].{name}", seconds)
    elif strategy.shadow is not None:
        yield Hold("shadow.hold", strategy.shadow.hold)
    elif strategy.blue_green is not None:
        yield Hold("blueGreen.prePromotion.hold", strategy.blue_green.pre_promotion.hold)
    elif strategy.bandit is not None:
        yield Hold("bandit.update", strategy.bandit.update, counts=False)
    chosen: Promotes = strategy.chosen
    if chosen.post_promotion is not None:
        hold = chosen.post_promotion.hold
        yield Hold(f"{_name(spec)}.postPromotion.hold", hold, counts=False)


def traffic_kinds(spec: RolloutSpec) -> frozenset[str]:
    """Give which of `live` and `copies` a candidate gets before it may be promoted."""
    strategy = spec.strategy
    if strategy.canary is not None:
        steps = strategy.canary.steps
        live = any(step.weight is not None for step in steps)
        copies = any(step.mirror is not None for step in steps)
    elif strategy.blue_green is not None:
        live, copies = False, strategy.blue_green.pre_promotion.mirror > 0
    else:
        live, copies = strategy.shadow is None, strategy.shadow is not None
    kinds = (("live", live), ("copies", copies))
    return frozenset(kind for kind, is_given in kinds if is_given)


def _name(spec: RolloutSpec) -> str:
    fields = type(spec.strategy).model_fields
    given = next(name for name in fields if getattr(spec.strategy, name) is not None)
    return fields[given].alias or given


def _secrets(spec: RolloutSpec) -> Iterator[Advice]:
    for index, model in enumerate(spec.versions):
        if _SECRET.search(model.uri):
            path = f"spec.challengers[{index - 1}].uri" if index else "spec.model.uri"
            # What was found is not said: findings are read by more people than the file.
            expected = "an address only, and spec.serving.storageSecret beside it"
            yield catalogue.SECRET_IN_URI, Fault(path, "has a secret in it", expected)


def _short_holds(spec: RolloutSpec, holds: Sequence[Hold]) -> Iterator[Advice]:
    least = 2 * spec.analysis.interval
    for hold in holds:
        if hold.seconds < least:
            problem = f"is {format_duration(hold.seconds)}, less than two intervals"
            expected = f"at least {format_duration(least)}, twice spec.analysis.interval"
            yield catalogue.SHORT_HOLD, Fault(f"spec.strategy.{hold.path}", problem, expected)


def _all_the_traffic(spec: RolloutSpec) -> Iterator[Advice]:
    canary = spec.strategy.canary
    for index, step in enumerate(canary.steps if canary else ()):
        if step.weight == 100:
            path = f"spec.strategy.canary.steps[{index}].weight"
            problem = "is 100, which leaves stable nothing to be compared by"
            expected = "at most 99, and postPromotion for the time after the switch"
            yield catalogue.NOBODY_TO_COMPARE, Fault(path, problem, expected)


def _timeouts(spec: RolloutSpec, holds: Sequence[Hold]) -> Iterator[Advice]:
    analysis = spec.analysis
    least = 2 * analysis.interval
    if analysis.no_data_timeout < least:
        found = format_duration(analysis.no_data_timeout)
        expected = f"at least {format_duration(least)}, twice spec.analysis.interval"
        fault = Fault("spec.analysis.noDataTimeout", f"is {found}", expected)
        yield catalogue.SHORT_TIMEOUT, fault
    needed = sum(hold.seconds for hold in holds if hold.counts)
    canary, shadow = spec.strategy.canary, spec.strategy.shadow
    # A ramp may be faster than its holds, and a shadow has the time that it was given.
    if shadow is None and not (canary and canary.ramp) and needed >= analysis.max_duration:
        found = f"is {format_duration(analysis.max_duration)}"
        expected = f"more than {format_duration(needed)}, which the steps take"
        yield catalogue.PLAN_TOO_LONG, Fault("spec.analysis.maxDuration", found, expected)
    test = spec.strategy.ab_test
    if test is not None and test.hold >= test.max_duration:
        found = f"is {format_duration(test.max_duration)}"
        expected = f"more than {format_duration(test.hold)}, which is its hold"
        yield catalogue.PLAN_TOO_LONG, Fault("spec.strategy.abTest.maxDuration", found, expected)


def _never_observed(spec: RolloutSpec) -> Iterator[Advice]:
    chosen, kinds = spec.strategy.chosen, traffic_kinds(spec)
    if not kinds or (isinstance(chosen, Shadow) and chosen.then is not Then.PROMOTE):
        return  # a person decides, and waits for nothing
    for index, check in enumerate(spec.analysis.checks):
        blind = (check.subject in LIVE_ONLY and "live" not in kinds) or (
            check.subject in COPIES_ONLY and "copies" not in kinds
        )
        if check.required and blind:
            missing = "served users" if check.subject in LIVE_ONLY else "copies of requests"
            problem = f"{check.subject} is counted on {missing}, of which {_name(spec)} has none"
            path = f"spec.analysis.checks[{index}]"
            expected = "a step that observes it, or a check that need not be proved"
            yield catalogue.NEVER_OBSERVED, Fault(path, problem, expected, "required: false")


def router_bounds(spec: RolloutSpec) -> Sequence[float]:
    """Give the upper bounds in seconds of the latency buckets that the checks are made of."""
    (bounds,) = _bounds(spec).values()
    return bounds


def _bounds(spec: RolloutSpec) -> Mapping[str, Sequence[float]]:
    if "live" not in traffic_kinds(spec):
        return {"the model server": LATENCY_SECONDS}
    if spec.routing.provider == "Seldon":
        return {"Seldon's executor": _SELDON_BOUNDS}
    return {"Envoy": ENVOY_DEFAULT}
