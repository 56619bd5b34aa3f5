"""Raw samples of counters, as Prometheus keeps them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MOST = 1e30
"""What no counter reaches, in any unit; sums of less stay finite."""

Target = tuple[str, str]
"""Job and instance: what Prometheus scraped."""


@dataclass(frozen=True, slots=True)
class Series:
    """One counter of one target.

    Attributes:
        labels: Of the series, `instance` among them.
        times: Of its samples, Unix seconds, rising. Shape `(samples,)`.
        values: >= 0 and <= `MOST`. Shape `(samples,)`.
        goes_on: Whether it had a value before the first of these: that one is then a base line.
        nonsense: How many samples were no counter values: NaN, endless or negative.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]
    goes_on: bool = False
    nonsense: int = 0

    @property
    def target(self) -> Target:
        """What Prometheus scraped: all series of a target have the same scrape times."""
        return self.labels.get("job", ""), self.labels.get("instance", "")

    def after(self, since: float) -> Series:
        """Forget the samples before a moment, but not that there were some."""
        first = bisect.bisect_left(self.times, since)
        if first == 0:
            return self
        return Series(self.labels, self.times[first:], self.values[first:], True, self.nonsense)

    def preceded_by(self, earlier: Series) -> Series:
        """Put the last sample of the same counter in front that is older than all of these."""
        end = bisect.bisect_left(earlier.times, self.times[0]) if self.times else 0
        if end == 0:
            return self
        times = (earlier.times[end - 1], *self.times)
        values = (earlier.values[end - 1], *self.values)
        return Series(self.labels, times, values, self.goes_on, self.nonsense)


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


class SeriesReader:
    """Makes series of the objects of a JSON document, as each of them has been read.

    It is the `object_hook` of one document: what JSON needs ten times the memory for is never
    there as a whole, and what thousands of series say alike is there once.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._times: dict[tuple[float, ...], tuple[float, ...]] = {}

    def __call__(self, read: dict[str, Any]) -> dict[str, Any] | Series:
        """Give the series that an object is, or the object.

        Samples that no counter can have are left out and counted: they are missing, not bad.

        Raises:
            TypeError: A sample is none.
            ValueError: It is no number.
        """
        labels, samples = read.get("metric"), read.get("values")
        if not (isinstance(labels, dict) and isinstance(samples, list) and _are_texts(labels)):
            return read
        alike = self._texts.setdefault
        labels = {name: alike(text, text) for name, text in labels.items()}
        times = tuple([float(time) for time, _ in samples])
        values = tuple([float(text) for _, text in samples])
        if all(0 <= value <= MOST for value in values) and _rise(times):
            return Series(labels, self._times.setdefault(times, times), values)
        return _sorted_out(labels, times, values)


def parse_matrix(result: Sequence[object]) -> tuple[Series, ...]:
    """Take the answer to a range selector such as `name[60s]`.

    Raises:
        ValueError: It is no matrix.
    """
    series = tuple(one for one in result if isinstance(one, Series))
    if len(series) < len(result):
        raise ValueError("the answer is no matrix of raw samples")
    return series


def _are_texts(labels: dict[object, object]) -> bool:
    return all(type(value) is str for value in labels.values())


def _rise(times: Sequence[float]) -> bool:
    return all(one < other for one, other in pairwise(times))


def _sorted_out(
    labels: dict[str, str], times: tuple[float, ...], values: tuple[float, ...]
) -> Series:
    samples = {
        time: value
        for time, value in zip(times, values, strict=True)
        if math.isfinite(time) and 0 <= value <= MOST
    }
    nonsense = sum(not 0 <= value <= MOST for value in values)
    ordered = sorted(samples.items())
    # What stood in the unreadable ones is not known: zero is the last thing to assume.
    return Series(
        labels,
        tuple(time for time, _ in ordered),
        tuple(value for _, value in ordered),
        goes_on=nonsense > 0,
        nonsense=nonsense,
    )
