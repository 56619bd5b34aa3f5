"""How good predicted probabilities are."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from headrace.errors import InvalidData

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose predictions are close to each other.

    Attributes:
        rows: How many.
        predicted: Their mean prediction, in [0, 1].
        observed: The share of them whose answer was yes, in [0, 1].
    """

    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Scores:
    """How good predictions were on rows that the model had not seen.

    Attributes:
        rows: How many.
        positive_share: The share whose answer was yes.
        auc: Area under the ROC curve, in [0, 1]; 0.5 for a guess.
        log_loss: Mean, in nats; smaller is better.
        brier: Mean squared error of the probability, in [0, 1]; smaller is better.
        calibration: Bins of about equally many rows, by rising prediction.
    """

    rows: int
    positive_share: float
    auc: float
    log_loss: float
    brier: float
    calibration: tuple[CalibrationBin, ...]

    @property
    def calibration_error(self) -> float:
        """The mean distance of predicted from observed over the bins, weighted by rows."""
        distances = [abs(b.predicted - b.observed) * b.rows for b in self.calibration]
        return math.fsum(distances) / self.rows

    def numbers(self) -> dict[str, float]:
        """Give the single numbers by name, as a registry logs them."""
        numbers = {
            name: float(value) for name, value in asdict(self).items() if name != "calibration"
        }
        return {**numbers, "calibration_error": self.calibration_error}


def score(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> Scores:
    """Compare predictions with answers.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: Of a yes, in [0, 1], shape (n,).

    Raises:
        InvalidData: Shapes differ, a prediction is no probability, or all answers are the same.
    """
    if labels.shape != probabilities.shape or labels.ndim != 1:
        raise InvalidData(
            f"There are {labels.shape} answers and {probabilities.shape} predictions; "
            "expected one of each for every row."
        )
    inside = (probabilities >= 0) & (probabilities <= 1)
    if not inside.all():
        raise InvalidData(
            f"{int((~inside).sum())} of {len(inside)} predictions are no probabilities, "
            f"for example {probabilities[~inside][0]}."
        )
    if len(np.unique(labels)) < 2:
        raise InvalidData(
            f"All {len(labels)} answers are the same; scores need late and punctual flights."
        )
    return Scores(
        rows=len(labels),
        positive_share=float(labels.mean()),
        auc=float(roc_auc_score(labels, probabilities)),
        log_loss=float(log_loss(labels, probabilities)),
        brier=float(brier_score_loss(labels, probabilities)),
        calibration=tuple(_calibration(labels, probabilities)),
    )


def _calibration(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> list[CalibrationBin]:
    order = np.argsort(probabilities, kind="stable")
    return [
        CalibrationBin(len(part), float(probabilities[part].mean()), float(labels[part].mean()))
        for part in np.array_split(order, CALIBRATION_BINS)
        if len(part)
    ]
