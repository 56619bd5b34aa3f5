"""Raw samples of counters, as Prometheus keeps them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

MOST = 1e30
"""What no counter reaches, in any unit; sums of less stay finite."""

_EARLIER = 10
"""Samples from further back that are enough to find a scrape with all buckets among them."""

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
        unread: The times of samples that are not used, though there was a scrape; Unix seconds.
        anew: The times of samples before which it began at zero, though it may not have fallen.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]
    goes_on: bool = False
    nonsense: int = 0
    unread: tuple[float, ...] = ()
    anew: frozenset[float] = frozenset()

    @property
    def target(self) -> Target:
        """What Prometheus scraped: all series of a target have the same scrape times."""
        return self.labels.get("job", ""), self.labels.get("instance", "")

    def after(self, since: float) -> Series:
        """Forget the samples before a moment, but not that there were some."""
        first = bisect.bisect_left(self.times, since)
        if first == 0:
            return self
        unread = tuple([time for time in self.unread if time >= since])
        times, values = self.times[first:], self.values[first:]
        return replace(self, times=times, values=values, goes_on=True, unread=unread)

    def preceded_by(self, earlier: Series) -> Series:
        """Put the last samples of the same counter in front that are older than all of these."""
        end = bisect.bisect_left(earlier.times, self.times[0]) if self.times else 0
        if end == 0:
            return self
        first = max(end - _EARLIER, 0)
        times = earlier.times[first:end] + self.times
        values = earlier.values[first:end] + self.values
        unread = tuple([time for time in earlier.unread if times[0] < time]) + self.unread
        return replace(self, times=times, values=values, unread=unread)

    def without(self, lost: AbstractSet[float]) -> Series:
        """Leave out the samples of some scrapes; what follows them did not begin at zero."""
        if not lost:
            return self
        samples = [
            (time, value)
            for time, value in zip(self.times, self.values, strict=True)
            if time not in lost
        ]
        times, values = zip(*samples, strict=True) if samples else ((), ())
        goes_on = self.goes_on or (bool(times) and min(lost) < times[0])
        return replace(
            self, times=times, values=values, goes_on=goes_on, unread=tuple(sorted(lost))
        )


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
    unread = {
        time
        for time, value in zip(times, values, strict=True)
        if math.isfinite(time) and not 0 <= value <= MOST
    }
    ordered = sorted(samples.items())
    # What stood in the unreadable ones is not known: zero is the last thing to assume.
    return Series(
        labels,
        tuple(time for time, _ in ordered),
        tuple(value for _, value in ordered),
        goes_on=bool(unread) and min(unread) < min(samples, default=math.inf),
        nonsense=nonsense,
        unread=tuple(sorted(unread - samples.keys())),
    )
