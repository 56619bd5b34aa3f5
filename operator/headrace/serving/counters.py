"""What the server counts, exact under threads, at a few microseconds a request.

The bins are plain lists under one lock: a Prometheus client's own metric objects would take a lock
for each of the two or three dozen series that one request touches. Nothing here is a rate.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from headrace.serving.bounds import LATENCY_SECONDS, REWARD
from headrace.serving.reference import MISSING, OTHER, Categories, Distribution, Reference
from headrace.serving.request import Cell

Labels: TypeAlias = Mapping[str, str]

MOST_SEGMENTS = 50
"""Segments of the users whose rewards count apart: each is three series more of every server."""


@dataclass(frozen=True)
class ValueSample:
    """A value at one moment: a counter if `name` ends in `_total`, else a gauge."""

    name: str
    help: str
    labels: Labels
    value: float


@dataclass(frozen=True)
class HistogramSample:
    """A histogram at one moment: `counts` has one more than `bounds`, and is not cumulative.

    `total` is the sum of the values; None where nobody knows it.
    """

    name: str
    help: str
    labels: Labels
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float | None


Sample: TypeAlias = ValueSample | HistogramSample


@dataclass
class Bins:
    """Counts of numbers by bin, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value, which is not NaN."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value

    def sample(self, name: str, text: str, labels: Labels) -> HistogramSample:
        """Give the counts of this moment."""
        return HistogramSample(name, text, labels, self.bounds, tuple(self.counts), self.total)


class Tally:
    """Counts of one feature or of the predictions, in the bins of its reference.

    Args:
        distribution: Gives the bins.
        missing: Whether values can be missing.
    """

    def __init__(self, distribution: Distribution, *, missing: bool = True) -> None:
        self.bins: Bins | None = None
        self.categories = {MISSING: 0} if missing else {}
        if isinstance(distribution, Categories):
            self.categories = dict.fromkeys((*distribution.counts, OTHER, MISSING), 0)
        else:
            self.bins = Bins(distribution.bounds)

    def add(self, values: Iterable[Cell]) -> None:
        """Count values; null and numbers that are not finite are missing."""
        bins, categories = self.bins, self.categories
        for value in values:
            if value is None:
                categories[MISSING] += 1
            elif bins is None:
                categories[str(value) if value in categories else OTHER] += 1
            elif math.isfinite(number := float(value)):
                bins.add(number)
            else:
                categories[MISSING] += 1

    def samples(self, name: str, text: str, labels: Labels) -> list[Sample]:
        """Give the counts of this moment."""
        found: list[Sample] = [
            ValueSample(f"{name}_category_total", text, {**labels, "category": category}, count)
            for category, count in self.categories.items()
        ]
        if self.bins is not None:
            found.append(self.bins.sample(name, text, labels))
        return found

    def reference_samples(
        self, distribution: Distribution, name: str, text: str, labels: Labels
    ) -> list[Sample]:
        """Give the training data in the bins of the live counts, by the same names."""
        known: Mapping[str, int]
        if isinstance(distribution, Categories):
            known = distribution.counts
        else:
            known = {MISSING: distribution.missing}
        found: list[Sample] = [
            ValueSample(
                f"{name}_category_total",
                text,
                {**labels, "category": category},
                known.get(category, 0),
            )
            for category in self.categories
        ]
        if not isinstance(distribution, Categories):
            bounds, counts = distribution.bounds, distribution.counts
            found.append(HistogramSample(name, text, labels, bounds, counts, None))
        return found


class Counters:
    """Everything that is counted for one version of one model.

    Args:
        model: The model's name, a label of every sample.
        version: Its version, a label of every sample.
        reference: Gives the bins of features and predictions.
        segmented: Whether rewards are also counted by segment.
    """

    def __init__(
        self, model: str, version: str, reference: Reference, *, segmented: bool = False
    ) -> None:
        self._labels = {"model": model, "version": version}
        self._lock = threading.Lock()
        # From zero, so that the first error is an increase and not a new series.
        self._requests = {200: 0, 400: 0, 413: 0, 500: 0}
        self._seconds = Bins(LATENCY_SECONDS)
        self._reward = Bins(REWARD)
        # Without bounds: counts and sums are enough, and each segment is more series. One is there
        # from the start, so that the others are seen to begin at zero.
        self._segments = {OTHER: Bins(())} if segmented else {}
        self._prediction = Tally(reference.prediction, missing=False)
        self._features = {name: Tally(each) for name, each in reference.features.items()}
        # It never changes, so it is made once.
        self._reference = self._reference_samples(reference)

    def count_request(self, code: int, seconds: float) -> None:
        """Count one answered request.

        Args:
            code: The HTTP status: 200, 400, 413 or 500.
            seconds: From the whole request in memory to the whole answer in memory. Only that of
                a 200 is counted: a version that fails fast must not look fast.
        """
        with self._lock:
            self._requests[code] += 1
            if code == 200:
                self._seconds.add(seconds)

    def count_prediction(
        self, columns: Mapping[str, Sequence[Cell]], predictions: Sequence[Cell]
    ) -> None:
        """Count what a model was given and what it answered, row by row.

        Args:
            columns: The model's inputs.
            predictions: One for each row.
        """
        with self._lock:
            for name, tally in self._features.items():
                tally.add(columns[name])
            self._prediction.add(predictions)

    def count_reward(self, reward: float, segment: str = OTHER) -> None:
        """Count the reward of an answer.

        Args:
            reward: In [0, 1]; zero counts as every other.
            segment: Of whom it is. Where rewards are counted by segment, the first
                `MOST_SEGMENTS` names count apart, and all further ones as `other`.
        """
        with self._lock:
            self._reward.add(reward)
            if self._segments:
                if segment not in self._segments and len(self._segments) > MOST_SEGMENTS:
                    segment = OTHER
                self._segments.setdefault(segment, Bins(())).add(reward)

    def samples(self) -> list[Sample]:
        """Give all counts of one moment."""
        with self._lock:
            found: list[Sample] = [
                ValueSample(
                    "headrace_requests_total",
                    "Prediction requests that were answered, by HTTP status.",
                    {**self._labels, "code": str(code)},
                    count,
                )
                for code, count in self._requests.items()
            ]
            found.append(
                self._seconds.sample(
                    "headrace_request_seconds",
                    "Time to answer a prediction request with 200, in seconds.",
                    self._labels,
                )
            )
            found += self._prediction.samples(
                "headrace_prediction", "Predictions, one for each row.", self._labels
            )
            for name, tally in self._features.items():
                found += tally.samples(
                    "headrace_feature",
                    "Values of the model's inputs in answered requests, one for each row.",
                    {**self._labels, "feature": name},
                )
            found.append(
                self._reward.sample(
                    "headrace_reward", "Rewards that came back as feedback.", self._labels
                )
            )
            for segment, bins in self._segments.items():
                found.append(
                    bins.sample(
                        "headrace_segment_reward",
                        "Rewards that came back as feedback, by segment of the users.",
                        {**self._labels, "segment": segment},
                    )
                )
        return found + self._reference

    def _reference_samples(self, reference: Reference) -> list[Sample]:
        found = self._prediction.reference_samples(
            reference.prediction,
            "headrace_reference_prediction",
            "Predictions on the data that the model was tested on, in the bins of the live ones.",
            self._labels,
        )
        for name, distribution in reference.features.items():
            found += self._features[name].reference_samples(
                distribution,
                "headrace_reference_feature",
                "Values of the model's inputs in its training data, in the bins of the live ones.",
                {**self._labels, "feature": name},
            )
        return found
