"""Raw samples of counters, as Prometheus keeps them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one target.

    Attributes:
        labels: Of the series, `instance` among them.
        samples: `(Unix seconds, value)` in order of time, values finite and >= 0.
        goes_on: Whether it had a value before the first of these: that one is then a base line.
        nonsense: How many samples were no counter values: NaN, infinite or negative.
    """

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]
    goes_on: bool = False
    nonsense: int = 0

    @property
    def target(self) -> str:
        """What Prometheus scraped: all series of a target have the same scrape times."""
        return f"{self.labels.get('job', '')}/{self.labels.get('instance', '')}"

    def after(self, since: float) -> Series:
        """Forget the samples before a moment, but not that there were some."""
        first = bisect.bisect_left(self.samples, (since,))
        return self if first == 0 else replace(self, samples=self.samples[first:], goes_on=True)


def bound_of(series: Series) -> float:
    """Give a bucket's upper bound, in the unit of the series.

    Raises:
        ValueError: It has none.
    """
    name, text = series.labels.get("__name__", "buckets"), series.labels.get("le")
    if text is None:
        raise ValueError(f"a series of {name} has no label le to tell its bound")
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        raise ValueError(f"a series of {name} has the label le={text[:40]!r}, which is no bound")
    return bound


def parse_matrix(result: Sequence[Mapping[str, Any]]) -> tuple[Series, ...]:
    """Read Prometheus' answer to a range selector such as `name[60s]`.

    Samples that no counter can have are left out and counted: they are missing, not bad.

    Raises:
        ValueError: It is no matrix.
    """
    series = []
    for entry in result:
        labels, values = entry.get("metric"), entry.get("values")
        if not isinstance(labels, Mapping) or not isinstance(values, Sequence):
            raise ValueError("the answer is no matrix of raw samples")
        samples = {}
        nonsense = 0
        for time, text in values:
            value = float(text)
            if math.isfinite(value) and value >= 0:
                samples[float(time)] = value
            else:
                nonsense += 1
        # What stood in the unreadable ones is not known: zero is the last thing to assume.
        ordered = tuple(sorted(samples.items()))
        series.append(Series(labels, ordered, goes_on=nonsense > 0, nonsense=nonsense))
    return tuple(series)
