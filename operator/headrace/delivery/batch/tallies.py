"""What a batch read and answered, in the bins of the model server: for drift, as live traffic is.

The tallies of partitions add up, so that a run that was interrupted counts every row once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.serving.counters import Tally
from headrace.serving.reference import MISSING, OTHER, Categories, Distribution, Reference
from headrace.serving.request import Cell
from headrace.training.data.distributions import DRIFT_LIMIT, psi

PREDICTION = "prediction"


@dataclass(frozen=True)
class Drift:
    """How far one input, or the predictions, are from what the bundle's reference says.

    Attributes:
        name: Of the input; `prediction` for the predictions.
        rows: How many values were counted.
        missing: How many of them were missing.
        index: The population stability index.
        drifted: Whether it is above the limit.
    """

    name: str
    rows: int
    missing: int
    index: float
    drifted: bool


class Tallies:
    """Counts of all inputs and of the predictions."""

    def __init__(self, reference: Reference) -> None:
        """Begin at zero.

        Args:
            reference: Gives the bins.
        """
        self._reference = reference
        self._features = {name: Tally(each) for name, each in reference.features.items()}
        self._prediction = Tally(reference.prediction)

    def add(self, inputs: Mapping[str, Sequence[Cell]], predictions: Sequence[Cell]) -> None:
        """Count rows."""
        for name, tally in self._features.items():
            tally.add(inputs[name])
        self._prediction.add(predictions)

    def document(self) -> dict[str, Any]:
        """Give all counts for JSON."""
        inputs = {name: _document(tally) for name, tally in self._features.items()}
        return {"inputs": inputs, PREDICTION: _document(self._prediction)}

    def merge(self, document: Mapping[str, Any]) -> None:
        """Add the counts of other rows, as `document` gave them."""
        for name, tally in self._features.items():
            _merge(tally, document["inputs"][name])
        _merge(self._prediction, document[PREDICTION])

    def drifts(self, limit: float = DRIFT_LIMIT) -> tuple[Drift, ...]:
        """Compare everything that was counted with the reference.

        Args:
            limit: The index above which something has drifted.

        Returns:
            Of the inputs, and last of the predictions: an input may be named like them.
        """
        inputs = [
            _drift(name, distribution, self._features[name], limit)
            for name, distribution in self._reference.features.items()
        ]
        prediction = _drift(PREDICTION, self._reference.prediction, self._prediction, limit)
        return (*inputs, prediction)


def _document(tally: Tally) -> dict[str, Any]:
    document: dict[str, Any] = {"categories": dict(tally.categories)}
    if tally.bins is not None:
        document["counts"] = list(tally.bins.counts)
    return document


def _merge(tally: Tally, counts: Mapping[str, Any]) -> None:
    for category, count in counts["categories"].items():
        tally.categories[category] = tally.categories.get(category, 0) + count
    if tally.bins is not None:
        pairs = zip(tally.bins.counts, counts["counts"], strict=True)
        tally.bins.counts = [mine + theirs for mine, theirs in pairs]


def _drift(name: str, distribution: Distribution, tally: Tally, limit: float) -> Drift:
    missing = tally.categories.get(MISSING, 0)
    if isinstance(distribution, Categories):
        names = dict.fromkeys((*distribution.counts, OTHER, MISSING))
        before = [distribution.counts.get(each, 0) for each in names]
        now = [tally.categories.get(each, 0) for each in names]
    else:
        before = [*distribution.counts, distribution.missing]
        now = [*(tally.bins.counts if tally.bins is not None else ()), missing]
    index = psi(before, now) if sum(now) else 0.0
    return Drift(name, sum(now), missing, index, index > limit)
