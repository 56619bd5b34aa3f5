"""Rows that were answered: the truth beside what a model said, checked before it is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace.errors import InvalidBundle, InvalidData
from headrace.serving.bundle import Bundle
from headrace.serving.runtimes import load_model
from headrace.training.data.schema import Task
from headrace.training.model.columns import frame_of, inputs_of, request_of
from headrace.training.model.fitted import Fitted


@dataclass(frozen=True)
class Answered:
    """Truth and answers of n rows.

    Attributes:
        task: What kind of answers.
        truth: Shape (n,): 0 or 1 where 1 is the positive label; texts; or numbers.
        answer: Shape (n,): the probability of 1, the label, or the number.
        labels: Of a classification: as `Description.classes`.
        probabilities: Of a multiclass task: shape (n, labels), where the model gives them.
    """

    task: Task
    truth: NDArray[Any]
    answer: NDArray[Any]
    labels: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.truth)

    def take(self, places: NDArray[Any]) -> Answered:
        """Give some of the rows."""
        chances = None if self.probabilities is None else self.probabilities[places]
        return Answered(self.task, self.truth[places], self.answer[places], self.labels, chances)


def answered(
    task: Task,
    truth: NDArray[Any],
    answer: Any,
    labels: Sequence[str] = (),
    probabilities: Any = None,
) -> Answered:
    """Put truth and answers together.

    Raises:
        InvalidData: There are no rows, not one answer for each, an answer is not finite or no
            probability, or all rows of a classification have the same label.
    """
    said = np.asarray(answer)
    if said.shape != truth.shape or truth.ndim != 1 or not len(truth):
        raise InvalidData(
            f"There are {truth.shape} rows and {said.shape} answers; expected one of each, and at "
            "least one."
        )
    if task != "multiclass":
        said = said.astype(np.float64)
        low, high = (0.0, 1.0) if task == "binary" else (-np.inf, np.inf)
        wrong = ~(np.isfinite(said) & (said >= low) & (said <= high))
        if wrong.any():
            kind = "probabilities" if task == "binary" else "finite numbers"
            raise InvalidData(
                f"{int(wrong.sum())} of {len(said)} answers are no {kind}, for example "
                f"{said[wrong][0]}."
            )
    if task != "regression" and len(np.unique(truth)) < 2:
        raise InvalidData(
            f"All {len(truth)} rows have the same label; a model is judged on rows of two at least."
        )
    if probabilities is not None:
        probabilities = np.asarray(probabilities, dtype=np.float64)
        if not np.isfinite(probabilities).all():
            raise InvalidData("The model gives probabilities that are not finite.")
    return Answered(task, truth, said, tuple(labels), probabilities)


def model_answers(fitted: Fitted, rows: pd.DataFrame, truth: NDArray[Any]) -> Answered:
    """Let a fitted model answer rows.

    Raises:
        InvalidData: The rows lack a column, or an answer cannot be scored.
        InvalidInput: Its features cannot be computed.
    """
    known = fitted.description
    frame = fitted_inputs(fitted, rows)
    if known.task == "regression":
        return answered(known.task, truth, np.asarray(fitted.estimator.predict(frame)).ravel())
    if known.task == "binary":
        chances = np.asarray(fitted.estimator.predict_proba(frame))
        return answered(known.task, truth, chances[:, 1], known.classes)
    said = np.asarray(fitted.estimator.predict(frame), dtype=object)
    all_chances = fitted.estimator.predict_proba(frame) if _gives_chances(fitted) else None
    return answered(known.task, truth, said, known.classes, all_chances)


def fitted_inputs(fitted: Fitted, rows: pd.DataFrame) -> pd.DataFrame:
    """Compute what a fitted model reads."""
    known = fitted.description
    request = request_of(rows, known.request_columns)
    return frame_of(inputs_of(request, known.features, known.inputs), known.inputs)


def bundle_answers(
    bundle: Bundle, fitted: Fitted, rows: pd.DataFrame, truth: NDArray[Any]
) -> Answered:
    """Let a packaged model answer the same rows as its server would.

    Args:
        bundle: The champion.
        fitted: The new model, whose requests both take.
        rows: Of the holdout.
        truth: Theirs.

    Raises:
        InvalidBundle: It is of another task, reads what requests lack, or does not run.
        InvalidData: An answer cannot be scored.
    """
    signature = bundle.signature
    name = f"The champion {signature.name} {signature.version}"
    known = fitted.description
    kinds = {"binary": "probability", "multiclass": "label", "regression": "number"}
    if signature.output.kind != kinds[known.task]:
        raise InvalidBundle(
            f"{name} gives a {signature.output.kind}, but the new model is for a {known.task} "
            "task; they cannot be compared."
        )
    request = request_of(rows, known.request_columns)
    # An older bundle does not say its features; it was made for the same requests.
    features = signature.metadata.get("features", known.features)
    inputs = inputs_of(request, features, signature.inputs)
    try:
        said = load_model(bundle).predict(inputs)
    except Exception as error:  # a model is foreign code, which may raise anything
        raise InvalidBundle(f"{name} does not answer the holdout: {error}") from error
    if known.task == "multiclass":
        said = np.array([str(each) for each in said], dtype=object)
    return answered(known.task, truth, said, known.classes)


def _gives_chances(fitted: Fitted) -> bool:
    return hasattr(fitted.estimator, "predict_proba")
