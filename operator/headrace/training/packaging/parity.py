"""Whether the packaged model answers real rows as the fitted one does.

The packaged model is run by the very class that serves it, from the columns of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace.errors import InvalidBundle
from headrace.serving.request import Cell
from headrace.serving.runtimes import OnnxModel
from headrace.serving.signature import Column, Signature
from headrace.training.data.schema import Task
from headrace.training.model.columns import Columns, frame_of
from headrace.training.model.fitted import Fitted

COMPARED_ROWS = 1000

LARGEST_DIFFERENCE = 1e-5
"""Between two probabilities of a row, one computed in float32, the other in float64."""

LARGEST_SHARE = 1e-4
"""Between two numbers of a row, as a share of how much the numbers of all rows differ."""

_STRANGE = "(unknown)"
"""A text that is in no training data."""


def answers(fitted: Fitted, columns: Columns) -> NDArray[Any]:
    """Give the fitted model's own answers.

    Args:
        fitted: The model.
        columns: Its inputs.

    Returns:
        Shape (n,): the probability of a yes, the label, or the number.
    """
    frame = frame_of(columns, fitted.description.inputs)
    if fitted.description.task == "binary":
        return np.asarray(fitted.estimator.predict_proba(frame))[:, 1]
    return np.asarray(fitted.estimator.predict(frame)).reshape(len(frame))


def packaged_answers(signature: Signature, model: bytes, columns: Columns) -> NDArray[Any]:
    """Give the packaged model's answers.

    Raises:
        InvalidBundle: It does not load, or does not answer these rows.
    """
    loaded = OnnxModel(signature, model)
    try:
        return loaded.predict(columns)
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise InvalidBundle(f"The ONNX model does not answer real rows: {error}") from error


def require_parity(fitted: Fitted, signature: Signature, model: bytes, columns: Columns) -> float:
    """Compare the answers of both, also for missing and unknown values.

    Args:
        fitted: The fitted model.
        signature: Of the packaged one.
        model: The packaged one.
        columns: Inputs of real rows; at most `COMPARED_ROWS` are used, spread over all of them.

    Returns:
        The largest difference: of two probabilities, or as a share of the numbers' spread; of
        labels, the share of rows that differ where two classes are equally likely.

    Raises:
        InvalidBundle: They differ by more than is tolerated.
    """
    rows = with_strange_rows(spread(columns, COMPARED_ROWS), signature.inputs)
    expected = answers(fitted, rows)
    found = packaged_answers(signature, model, rows)
    task = fitted.description.task
    if task == "multiclass":
        difference = _differing_labels(fitted, rows, expected, found)
        limit = 0.01
    else:
        difference, limit = _largest(task, expected, np.asarray(found, dtype=np.float64))
    if not difference <= limit:  # also where it is NaN
        raise InvalidBundle(
            f"On {len(expected)} rows, ONNX and scikit-learn differ by up to {difference:.2g}; "
            f"expected at most {limit:g}. Use estimators that skl2onnx converts exactly."
        )
    return difference


def _largest(task: Task, expected: NDArray[Any], found: NDArray[np.float64]) -> tuple[float, float]:
    difference = float(np.abs(expected - found).max())
    if task == "binary":
        return difference, LARGEST_DIFFERENCE
    unit = max(float(np.std(expected)), 1e-3 * float(np.abs(expected).max()), 1e-12)
    return difference / unit, LARGEST_SHARE


def _differing_labels(
    fitted: Fitted, rows: Columns, expected: NDArray[Any], found: NDArray[Any]
) -> float:
    """Give the share of rows whose labels differ; 1 if any does without a tie as its reason."""
    differ = np.array([str(a) != str(b) for a, b in zip(expected, found, strict=True)])
    if not differ.any():
        return 0.0
    estimator = fitted.estimator
    if not hasattr(estimator, "predict_proba"):
        return 1.0
    frame = frame_of(rows, fitted.description.inputs)[differ]
    two = np.sort(np.asarray(estimator.predict_proba(frame)), axis=1)[:, -2:]
    is_tie = (two[:, 1] - two[:, 0]) <= 2 * LARGEST_DIFFERENCE
    return float(differ.mean()) if is_tie.all() else 1.0


def spread(columns: Columns, count: int) -> dict[str, list[Cell]]:
    """Take rows at even distances, so that they are of all days and hours."""
    size = len(next(iter(columns.values())))
    places = np.unique(np.linspace(0, size - 1, min(count, size)).round().astype(int))
    return {name: [values[place] for place in places] for name, values in columns.items()}


def with_strange_rows(columns: Columns, inputs: Sequence[Column]) -> dict[str, list[Cell]]:
    """Add rows with a text that nobody trained on, and with nothing where null is allowed."""
    more: dict[str, list[Cell]] = {}
    for column in inputs:
        values = list(columns[column.name])
        usual = next((value for value in values if value is not None), None)
        unknown: Cell = _STRANGE if column.type == "string" else usual
        nothing = None if column.nullable else usual
        more[column.name] = [*values, unknown, nothing]
    return more
