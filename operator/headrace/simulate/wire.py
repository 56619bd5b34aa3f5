"""The JSON values of `headrace judge --stdio`, read with suspicion.

What is absurd (a negative count, a number that is none, buckets without bounds) is refused with a
sentence. What is missing (`null`, or left out) is kept as missing. More failures than requests are
left as they are: the checks clamp them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

from headrace.engine.observations import Counts, Halves, Histogram
from headrace.errors import InvalidInput

MOST = 1e15
"""Counts beyond this are no counts: sums of their squares must stay numbers."""
_LATEST = 1e12
_MOST_BUCKETS = 1000
_INFINITE = ("+inf", "inf", "infinity", "+infinity")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a rollout.

    Attributes:
        alpha: Risk of rolling back a candidate that is no worse, in (0, 0.5).
        beta: Risk of promoting one that is `ni_ratio` times as bad, per check, in (0, 0.5).
        metric: What is compared; `both` shares alpha between the two checks.
        interval: Seconds between two scrapes, > 0.
        schedule: Seconds that must have been observed before a promotion, >= 0.
        deadline: Seconds after which nothing is promoted any more, >= schedule.
        ni_ratio: How many times as bad, or as slow, a candidate must be proved not to be; > 1.
    """

    alpha: float = 0.01
    beta: float = 0.05
    metric: Literal["error", "latency", "both"] = "error"
    interval: float = 15.0
    schedule: float = 1200.0
    deadline: float = 2400.0
    ni_ratio: float = 1.5


@dataclass(frozen=True, slots=True)
class Side:
    """What was seen of one arm; None for what was not."""

    requests: Counts | None = None
    latency: Histogram | None = None
    halves: Halves | None = None
    """Of its servers; the wire does not carry them."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """One observation.

    Attributes:
        end: Seconds on the caller's clock.
        length: Seconds that it covers, > 0.
        stable: The stable arm.
        canary: The candidate.
    """

    end: float
    length: float
    stable: Side
    canary: Side


def question(value: object) -> Question:
    """Read a `config`.

    Raises:
        InvalidInput: With a sentence.
    """
    config = mapping(value, "config")
    given = Question()
    metric = config.get("metric")
    if metric is None:
        metric = given.metric
    if metric not in ("error", "latency", "both"):
        raise InvalidInput(f"config.metric is {shown(metric)}; expected error, latency or both")
    schedule = _optional(config, "schedule_s", given.schedule, 0.0, _LATEST)
    asked = Question(
        alpha=_risk(config, "alpha", given.alpha),
        beta=_risk(config, "beta", given.beta),
        metric=cast(Literal["error", "latency", "both"], metric),
        interval=_optional(config, "interval", given.interval, 1e-3, _LATEST),
        schedule=schedule,
        deadline=_optional(config, "deadline_s", max(given.deadline, 2 * schedule), 0.0, _LATEST),
        ni_ratio=_optional(config, "ni_ratio", given.ni_ratio, 1.0, 100.0),
    )
    if asked.ni_ratio <= 1:
        raise InvalidInput("config.ni_ratio is 1; expected a number above 1, as 1.5")
    if asked.deadline < asked.schedule:
        raise InvalidInput(
            f"config.deadline_s is {asked.deadline:g}, before schedule_s, {asked.schedule:g}: "
            "nothing could ever be promoted"
        )
    return asked


def scrape(value: object, where: str, interval: float, time: float | None = None) -> Scrape:
    """Read an observation.

    Args:
        value: The JSON value.
        where: Its name in messages.
        interval: Its length where it does not say.
        time: Its end where it does not say; None asks for one.

    Raises:
        InvalidInput: With a sentence.
    """
    obs = mapping(value, where)
    if obs.get("t") is not None or time is None:
        time = number(obs.get("t"), f"{where}.t", -_LATEST, _LATEST)
    length = interval
    if obs.get("interval") is not None:
        length = number(obs["interval"], f"{where}.interval", 1e-3, _LATEST)
    if obs.get("weight") is not None:
        number(obs["weight"], f"{where}.weight", 0.0, 1.0)
    stable = _side(obs.get("stable"), f"{where}.stable")
    return Scrape(time, length, stable, _side(obs.get("canary"), f"{where}.canary"))


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Read an object.

    Raises:
        InvalidInput: It is none.
    """
    if not isinstance(value, dict):
        raise InvalidInput(f"{where} is {shown(value)}; expected an object")
    return value


def number(value: object, where: str, least: float, most: float) -> float:
    """Read a finite number in a range.

    Raises:
        InvalidInput: It is none, or outside.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    raise InvalidInput(f"{where} is {shown(value)}; expected a number from {least:g} to {most:g}")


def shown(value: object) -> str:
    """Write a value for a message, cut to a readable length."""
    if value is None:
        return "not there"
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:60]}..."


def _optional(
    config: Mapping[str, Any], name: str, default: float, least: float, most: float
) -> float:
    value = config.get(name)
    return default if value is None else number(value, f"config.{name}", least, most)


def _risk(config: Mapping[str, Any], name: str, default: float) -> float:
    return _optional(config, name, default, 1e-9, 0.499)


def _side(value: object, where: str) -> Side:
    if value is None:
        return Side()
    arm = mapping(value, where)
    requests, errors = arm.get("requests"), arm.get("errors")
    counts = None
    total = None if requests is None else number(requests, f"{where}.requests", 0.0, MOST)
    bad = None if errors is None else number(errors, f"{where}.errors", 0.0, MOST)
    if total is not None and bad is not None:
        counts = Counts(bad, total)
    return Side(counts, _histogram(arm, where))


def _histogram(arm: Mapping[str, Any], where: str) -> Histogram | None:
    bounds, counts = arm.get("le_ms"), arm.get("latency_counts")
    if bounds is None or counts is None:
        return None
    edges = _bounds(bounds, f"{where}.le_ms")
    counted = _list(counts, f"{where}.latency_counts")
    if any(count is None for count in counted):
        return None
    seen = [
        number(count, f"{where}.latency_counts[{i}]", 0.0, MOST) for i, count in enumerate(counted)
    ]
    if len(seen) != len(edges):
        raise InvalidInput(
            f"{where}.latency_counts has {len(seen)} buckets, le_ms has {len(edges)} bounds"
        )
    return Histogram(edges, tuple(seen))


def _bounds(value: object, where: str) -> tuple[float, ...]:
    edges = []
    for index, bound in enumerate(_list(value, where)):
        if isinstance(bound, str) and bound.strip().lower() in _INFINITE:
            edges.append(math.inf)
        else:
            edges.append(number(bound, f"{where}[{index}]", 1e-9, _LATEST) / 1000)
    if any(low >= high for low, high in pairwise(edges)):
        raise InvalidInput(f"{where} does not rise")
    if len(edges) < 2 or edges[-1] != math.inf:
        raise InvalidInput(f'{where} does not end with "+Inf" after at least one bound')
    return tuple(edges)


def _list(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list) or len(value) > _MOST_BUCKETS:
        raise InvalidInput(f"{where} is {shown(value)}; expected up to {_MOST_BUCKETS} values")
    return value
