"""How good each version's answers were, hour by hour or in longer periods."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from headrace.labels.records import Kind

HOUR = 3600


@dataclass(frozen=True)
class Hour:
    """Sums over the labelled predictions that one version made in an hour.

    Attributes:
        version: Whose.
        kind: Of the predictions.
        start: Of the hour, Unix seconds.
        count: How many, > 0.
        right: How many of them were right.
        squared: Sum of the squared errors.
        absolute: Sum of the absolute errors.
    """

    version: str
    kind: Kind
    start: int
    count: int
    right: float
    squared: float
    absolute: float


@dataclass(frozen=True)
class Quality:
    """The quality of one version in one period.

    Attributes:
        version: Whose.
        start: Of the period, Unix seconds.
        count: Labelled predictions in it, > 0.
        scores: `accuracy` and, of probabilities, `brier`; of numbers `mae` and `rmse`.
    """

    version: str
    start: int
    count: int
    scores: dict[str, float]


def quality(hours: Iterable[Hour], period: int = HOUR) -> tuple[Quality, ...]:
    """Sum hours up to periods, by version and then by time.

    Args:
        hours: In any order.
        period: Seconds, a multiple of an hour; periods begin at multiples of it.
    """
    groups: dict[tuple[str, int, Kind], list[Hour]] = {}
    for hour in hours:
        start = hour.start - hour.start % period
        groups.setdefault((hour.version, start, hour.kind), []).append(hour)
    return tuple(
        Quality(version, start, sum(each.count for each in group), _scores(kind, group))
        for (version, start, kind), group in sorted(groups.items())
    )


def overall(hours: Iterable[Hour]) -> tuple[Quality, ...]:
    """Give the quality of each version in all of the hours; `start` is that of the first one."""
    known = list(hours)
    first = min((hour.start for hour in known), default=0)
    together = (
        Hour(h.version, h.kind, first, h.count, h.right, h.squared, h.absolute) for h in known
    )
    return quality(together)


def _scores(kind: Kind, hours: list[Hour]) -> dict[str, float]:
    count = sum(hour.count for hour in hours)
    squared = math.fsum(hour.squared for hour in hours) / count
    if kind == "number":
        absolute = math.fsum(hour.absolute for hour in hours) / count
        return {"mae": absolute, "rmse": math.sqrt(squared)}
    accuracy = {"accuracy": math.fsum(hour.right for hour in hours) / count}
    return accuracy if kind == "label" else {**accuracy, "brier": squared}
