"""Raw samples of counters, as Prometheus keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one target.

    Attributes:
        labels: Of the series, `instance` among them.
        samples: `(Unix seconds, value)` in order of time, values finite and >= 0.
    """

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]

    @property
    def target(self) -> str:
        """What Prometheus scraped: all series of a target have the same scrape times."""
        return f"{self.labels.get('job', '')}/{self.labels.get('instance', '')}"


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


@dataclass(frozen=True, slots=True)
class Answer:
    """The series of one query.

    Attributes:
        series: All that could be read.
        nonsense: How many samples were no counter values: NaN, infinite or negative.
    """

    series: tuple[Series, ...]
    nonsense: int = 0


def parse_matrix(result: Sequence[Mapping[str, Any]]) -> Answer:
    """Read Prometheus' answer to a range selector such as `name[60s]`.

    Samples that no counter can have are left out and counted: they are missing, not bad.

    Raises:
        ValueError: It is no matrix.
    """
    series = []
    nonsense = 0
    for entry in result:
        labels, values = entry.get("metric"), entry.get("values")
        if not isinstance(labels, Mapping) or not isinstance(values, Sequence):
            raise ValueError("the answer is no matrix of raw samples")
        samples = {}
        for time, text in values:
            value = float(text)
            if math.isfinite(value) and value >= 0:
                samples[float(time)] = value
            else:
                nonsense += 1
        series.append(Series(labels, tuple(sorted(samples.items()))))
    return Answer(tuple(series), nonsense)
