"""A range of raw counters in a file: what a rollout can be replayed from without a Prometheus.

JSON Lines. The first line says what it is, each of the others is one scraped target, or what one
query of a check of kind `Value` gave::

    {"format": "headrace.dev/recording/v1", "rollout": "models/flight-delay", "stable": "6"}
    {"labels": {"job": "envoy", "instance": "10.0.0.7:19000"}, "times": [1700000000.123, ...],
     "series": [{"labels": {"__name__": "envoy_cluster_upstream_rq_xx", ...}, "values": [17, ...]}]}
    {"query": "max(memory_bytes{version=\\"7\\"})", "times": [...], "values": [...]}

`times` are Unix seconds of the scrapes, `values` what a counter stood at then, or null where the
target did not show it. A target's labels are those that all of its series share.

The answer of Prometheus to `query_range`, as `curl` saves it, is read too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FORMAT = "headrace.dev/recording/v1"


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a series showed.

    Attributes:
        times: Unix seconds, rising. Shape `(samples,)`.
        values: Of any kind, NaN and infinities too. Shape `(samples,)`.
    """

    times: Floats
    values: Floats

    @classmethod
    def of(cls, times: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Samples:
        """Sort samples by time; of two at one time the later one counts."""
        seconds, numbers = np.asarray(times, np.float64), np.asarray(values, np.float64)
        order = np.argsort(seconds, kind="stable")
        seconds, numbers = seconds[order], numbers[order]
        last = np.append(seconds[1:] != seconds[:-1], True)[: len(seconds)]
        return cls(seconds[last], numbers[last])

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """Put samples of one series together.

        Args:
            parts: At least one.
        """
        if len(parts) == 1:
            return parts[0]
        times = np.concatenate([part.times for part in parts])
        return cls.of(times, np.concatenate([part.values for part in parts]))

    def between(self, first: float, last: float) -> list[tuple[float, float]]:
        """Give those of a range, its ends included."""
        begin = int(np.searchsorted(self.times, first, side="left"))
        end = int(np.searchsorted(self.times, last, side="right"))
        times, values = self.times[begin:end].tolist(), self.values[begin:end].tolist()
        return list(zip(times, values, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class RawSeries:
    """One counter as it was recorded, with its name among the labels."""

    labels: Mapping[str, str]
    samples: Samples


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What was recorded of one rollout.

    Attributes:
        rollout: `namespace/name`; empty where the file does not say.
        stable: The version that had the users; likewise.
        series: Raw counters, each set of labels once.
        levels: What queries gave, by their text.
    """

    rollout: str = ""
    stable: str = ""
    series: Sequence[RawSeries] = ()
    levels: Mapping[str, Samples] = field(default_factory=dict)

    @property
    def span(self) -> tuple[float, float]:
        """Give the times of the first and the last sample of a counter.

        Raises:
            ValueError: There is none.
        """
        seen = [one.samples.times for one in self.series if one.samples.times.size]
        return min(float(times[0]) for times in seen), max(float(times[-1]) for times in seen)

    @property
    def size(self) -> int:
        """The number of samples of counters."""
        return sum(one.samples.times.size for one in self.series)


def merged(recordings: Sequence[Recording]) -> Recording:
    """Put recordings of one time together; the first that says what it is about counts.

    Args:
        recordings: At least one.
    """
    series: dict[frozenset[tuple[str, str]], list[RawSeries]] = {}
    levels: dict[str, list[Samples]] = {}
    for recording in recordings:
        for one in recording.series:
            series.setdefault(frozenset(one.labels.items()), []).append(one)
        for query, found in recording.levels.items():
            levels.setdefault(query, []).append(found)
    return Recording(
        next((one.rollout for one in recordings if one.rollout), ""),
        next((one.stable for one in recordings if one.stable), ""),
        tuple(
            RawSeries(same[0].labels, Samples.joined([one.samples for one in same]))
            for same in series.values()
        ),
        {query: Samples.joined(parts) for query, parts in levels.items()},
    )
