"""How good answers are, as numbers by name.

Each is computed with a weight for every row, so that the same code gives the scores and, with the
weights of a bootstrap, their intervals. scikit-learn's functions sort anew for every weighting;
these sort once, and are tested to agree with them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headrace.serving.comparison import is_positive
from headrace.training.data.schema import Task
from headrace.training.evaluation.answered import Answered

Weights = NDArray[np.float64]

CALIBRATION_BINS = 10
_SMALLEST_CHANCE = 1e-15

HIGHER_IS_BETTER: frozenset[str] = frozenset(
    {"auc", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall", "f1",
     "macro_f1", "r2"}
)  # fmt: skip

HEADLINE: dict[Task, str] = {"binary": "log_loss", "multiclass": "accuracy", "regression": "mae"}
"""The score by which segments are compared and importance is measured."""

MEANINGS = {
    "auc": "area under the ROC curve: 0.5 is a guess, 1 is perfect",
    "average_precision": "area under the precision-recall curve",
    "log_loss": "in nats, smaller is better",
    "brier": "mean squared error of the probability, smaller is better",
    "accuracy": "share of right answers",
    "balanced_accuracy": "mean over the labels of the share of right answers",
    "precision": "share of predicted positives that are",
    "recall": "share of positives that are predicted",
    "f1": "harmonic mean of precision and recall",
    "macro_f1": "mean over the labels of F1",
    "calibration_error": "mean distance of predicted from observed share",
    "positive_share": "share of positive rows, no score",
    "rmse": "root of the mean squared error, smaller is better",
    "mae": "mean absolute error, smaller is better",
    "bias": "mean of answer minus truth",
    "r2": "share of the variance that is explained",
}


class Scorer:
    """Computes the scores of some answered rows for any weights of the rows.

    Args:
        rows: The rows.
        threshold: Of a binary task: a probability above it is a positive answer.
    """

    def __init__(self, rows: Answered, threshold: float = 0.5) -> None:
        self._rows = rows
        self._threshold = threshold

    def scores(self, weights: Weights | None = None) -> dict[str, float]:
        """Give every score by name; one that is not defined for these weights is NaN.

        Args:
            weights: How much each row counts, shape (n,), >= 0; None for all the same.
        """
        each = np.ones(len(self._rows)) if weights is None else weights
        of_task: dict[Task, Callable[[Weights], dict[str, float]]] = {
            "binary": self._binary,
            "multiclass": self._multiclass,
            "regression": self._regression,
        }
        with np.errstate(divide="ignore", invalid="ignore"):
            return {name: float(value) for name, value in of_task[self._rows.task](each).items()}

    def loss(self, name: str) -> NDArray[np.float64] | None:
        """Give each row's part in a score that is a mean over rows, less is better.

        Returns:
            Shape (n,), or None where the score is no such mean.
        """
        rows = self._rows
        losses: dict[str, Callable[[], NDArray[np.float64] | None]] = {
            "log_loss": lambda: self._log_losses,
            "brier": lambda: (rows.answer - rows.truth) ** 2 if rows.task == "binary" else None,
            "accuracy": lambda: 1.0 - self._right,
            "mae": lambda: np.abs(rows.answer - rows.truth),
            "rmse": lambda: (rows.answer - rows.truth) ** 2,
        }
        return losses[name]() if name in losses else None

    def _binary(self, weights: Weights) -> dict[str, float]:
        truth, chance = self._rows.truth.astype(float), self._rows.answer
        inverse, size = self._places
        positive = np.bincount(inverse, weights * truth, size)
        negative = np.bincount(inverse, weights * (1 - truth), size)
        total = positive.sum(), negative.sum()
        below = np.cumsum(negative) - negative / 2
        found, false = np.cumsum(positive[::-1]), np.cumsum(negative[::-1])
        said = found + false
        precision = np.where(said > 0, found / np.where(said > 0, said, 1), 0)
        yes = is_positive(chance, self._threshold)
        hits = float(weights @ (yes * truth))
        alarms, misses = float(weights @ (yes * (1 - truth))), float(weights @ (~yes * truth))
        return {
            "auc": (positive @ below) / (total[0] * total[1]),
            "average_precision": (positive[::-1] @ precision) / total[0],
            "log_loss": _mean(self._log_losses, weights),
            "brier": _mean((chance - truth) ** 2, weights),
            "calibration_error": self._calibration_error(weights),
            "accuracy": _mean(self._right, weights),
            "precision": np.float64(hits) / (hits + alarms),
            "recall": np.float64(hits) / (hits + misses),
            "f1": np.float64(2 * hits) / (2 * hits + alarms + misses),
            "positive_share": _mean(truth, weights),
        }

    def _multiclass(self, weights: Weights) -> dict[str, float]:
        table = self.confusion(weights)
        right, rows, said = np.diag(table), table.sum(axis=1), table.sum(axis=0)
        there = rows > 0
        f1 = 2 * right / np.where(rows + said > 0, rows + said, 1)
        found = {
            "accuracy": right.sum() / weights.sum(),
            "balanced_accuracy": (right[there] / rows[there]).mean(),
            "macro_f1": f1[there].mean(),
        }
        if self._rows.probabilities is not None:
            found["log_loss"] = _mean(self._log_losses, weights)
        return found

    def _regression(self, weights: Weights) -> dict[str, float]:
        truth, error = self._rows.truth, self._rows.answer - self._rows.truth
        squared = _mean(error**2, weights)
        variance = _mean((truth - _mean(truth, weights)) ** 2, weights)
        return {
            "rmse": squared**0.5,
            "mae": _mean(np.abs(error), weights),
            "bias": _mean(error, weights),
            "r2": np.float64(1) - np.float64(squared) / variance if variance > 0 else np.nan,
        }

    def confusion(self, weights: Weights | None = None) -> NDArray[np.float64]:
        """Count rows by truth (down) and answer (across), in the order of the labels."""
        each = np.ones(len(self._rows)) if weights is None else weights
        truth, said = self._codes
        size = len(self._rows.labels)
        # A label that the model gives and nobody knows is in no column, and so is a mistake.
        known = said >= 0
        table = np.bincount(truth[known] * size + said[known], each[known], size * size)
        return np.asarray(table.reshape(size, size))

    def calibration(self) -> list[tuple[int, float, float]]:
        """Give rows, mean prediction and share of positives of bins of about equally many rows."""
        return [
            (len(part), float(self._rows.answer[part].mean()), float(self._rows.truth[part].mean()))
            for part in self._bins
        ]

    def _calibration_error(self, weights: Weights) -> float:
        distances = [
            abs(float(weights[part] @ (self._rows.answer[part] - self._rows.truth[part])))
            for part in self._bins
        ]
        return float(sum(distances) / weights.sum())

    @cached_property
    def _bins(self) -> list[NDArray[np.intp]]:
        order = np.argsort(self._rows.answer, kind="stable")
        return [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]

    @cached_property
    def _places(self) -> tuple[NDArray[np.intp], int]:
        """The rank of each row's probability, equal ones sharing theirs."""
        values, inverse = np.unique(self._rows.answer, return_inverse=True)
        return inverse, len(values)

    @cached_property
    def _codes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows = self._rows
        if rows.task == "binary":
            positive = is_positive(rows.answer, self._threshold)
            return rows.truth.astype(np.intp), positive.astype(np.intp)
        places = {label: place for place, label in enumerate(rows.labels)}
        truth, said = ([places.get(str(each), -1) for each in s] for s in (rows.truth, rows.answer))
        return np.array(truth, dtype=np.intp), np.array(said, dtype=np.intp)

    @cached_property
    def _right(self) -> NDArray[np.float64]:
        truth, said = self._codes
        return np.asarray(truth == said, dtype=np.float64)

    @cached_property
    def _log_losses(self) -> NDArray[np.float64] | None:
        rows = self._rows
        if rows.task == "binary":
            chance = np.where(rows.truth == 1, rows.answer, 1 - rows.answer)
        elif rows.probabilities is not None:
            chance = rows.probabilities[np.arange(len(rows)), self._codes[0]]
        else:
            return None
        # float32 gives chances of exactly 0 and 1, whose logarithm says too much.
        losses: NDArray[np.float64] = -np.log(np.clip(chance, _SMALLEST_CHANCE, 1))
        return losses


def is_worse(name: str, value: float, other: float) -> bool:
    """Say whether a score is worse than another of the same name."""
    return value < other if name in HIGHER_IS_BETTER else value > other


def _mean(values: NDArray[np.float64] | None, weights: Weights) -> float:
    return float("nan") if values is None else float((values @ weights) / weights.sum())
