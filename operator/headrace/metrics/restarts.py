"""A process that began anew began all of its counters anew.

A counter that falls shows it. One that stood at 1, and has reached 1 again before it is scraped,
does not, and what it counted would be lost. But then those beside it have fallen: it is rare that
everything is back where it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from operator import le

from headrace.metrics.series import Series

_Key = frozenset[tuple[str, str]]

_PARTS = ("__name__", "le", "category", "segment")
"""Labels that set counters of one thing apart, beside that of the answers' code."""


def restarted(arms: dict[str, list[Series]], code: str) -> dict[str, list[Series]]:
    """Mark the samples before which counters began at zero, though they do not show it.

    What is marked depends on a sample and the one before it alone, not on when one looks.

    Args:
        arms: Series by version, one history of each counter.
        code: The label of the answers' status.
    """
    return {version: _restarted(group, code) for version, group in arms.items()}


def _restarted(series: list[Series], code: str) -> list[Series]:
    if all(_only_grows(one) for one in series):
        return series
    parts = {code, *_PARTS}
    things: dict[_Key, list[Series]] = defaultdict(list)
    keys = [
        frozenset(each for each in one.labels.items() if each[0] not in parts) for one in series
    ]
    for key, one in zip(keys, series, strict=True):
        things[key].append(one)
    falls = {key: _falls(group) for key, group in things.items()}
    return [_marked(one, falls[key]) for key, one in zip(keys, series, strict=True)]


def _only_grows(series: Series) -> bool:
    return all(map(le, series.values, series.values[1:]))


def _falls(group: Sequence[Series]) -> set[float]:
    """Find the scrapes at which these had counted less, together, than at the one before.

    A single series may fall because a proxy has forgotten it. That says nothing of the others,
    and they are so many more as a rule that together they have not fallen.
    """
    balance: dict[float, float] = defaultdict(float)
    for one in group:
        samples = zip(one.times, one.values, strict=True)
        for (_, before), (time, value) in pairwise(samples):
            balance[time] += value - before
    return {time for time, grown in balance.items() if grown < 0}


def _marked(series: Series, falls: set[float]) -> Series:
    anew = falls.intersection(series.times)
    return replace(series, anew=frozenset(anew)) if anew else series
