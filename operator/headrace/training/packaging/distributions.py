"""How inputs and predictions are distributed, and which rows stand for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace.serving.bundle import Example
from headrace.serving.reference import Categories, Distribution, Histogram, Reference
from headrace.serving.signature import Column, Output
from headrace.training.model.columns import Columns

EXAMPLES = 100


def reference_of(
    columns: Columns, inputs: Sequence[Column], output: Output, predictions: NDArray[Any]
) -> Reference:
    """Measure the training data's inputs, and predictions for rows that were not trained on.

    An input with no value at all is left out.

    Args:
        columns: The inputs of the training data.
        inputs: Which they are.
        output: What the model gives.
        predictions: Shape (n,).
    """
    features: dict[str, Distribution] = {}
    for column in inputs:
        values = columns[column.name]
        if column.type == "string":
            # As the server counts them: a text that is missing reaches the model as none.
            features[column.name] = Categories.measure(
                None if value is None else str(value) for value in values
            )
        elif any(value is not None for value in values):
            features[column.name] = Histogram.measure(
                np.array([np.nan if value is None else value for value in values], dtype=float)
            )
    return Reference(
        features,
        Categories.measure(map(str, predictions))
        if output.kind == "label"
        else Histogram.measure(predictions),
    )


def examples_of(
    requests: Columns, training: Columns, columns: Sequence[Column], count: int = EXAMPLES
) -> list[Example]:
    """Choose requests that stand for all: spread over them, the most usual first.

    A server warms up with the first examples, and should meet what users will send most.

    Args:
        requests: Columns of requests that the model was not fitted on.
        training: Of those that it was; they say what is usual.
        columns: What a request has.
        count: How many at most.
    """
    texts = [column.name for column in columns if column.type == "string"]
    size = len(next(iter(requests.values())))
    places = np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int))
    shares = {name: _shares(training[name]) for name in texts}

    def rarest(place: int) -> float:
        return min((shares[name].get(requests[name][place], 0.0) for name in texts), default=1.0)

    ordered = sorted(places.tolist(), key=lambda place: -rarest(place))
    return [{column.name: requests[column.name][place] for column in columns} for place in ordered]


def _shares(values: Sequence[Any]) -> Mapping[Any, float]:
    counts = Counter(values)
    return {value: count / len(values) for value, count in counts.items()}
