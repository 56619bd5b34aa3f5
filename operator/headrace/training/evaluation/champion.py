"""Whether a new model is better than the one that users have: a paired test on the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from headrace.training.data.schema import Task
from headrace.training.evaluation.scores import Scorer

COMPARED: dict[Task, str] = {"binary": "brier", "multiclass": "accuracy", "regression": "rmse"}
"""The score whose losses are paired row by row."""


@dataclass(frozen=True)
class Comparison:
    """The new model against the champion.

    Attributes:
        name: The champion's name and version.
        digest: Of its bundle.
        scores: Of the champion on the same rows.
        loss: The loss that is paired: `brier`, `error` (share of wrong answers) or `squared error`.
        difference: The mean of the new model's loss minus the champion's; below 0 is better.
        low: The lower end of its 95 % interval.
        high: The upper end.
        p_worse: How likely a difference as high is where the new model is no worse; small means
            that it is worse.
        p_better: The same for one as low where it is no better; small means that it is better.
    """

    name: str
    digest: str
    scores: dict[str, float]
    loss: str
    difference: float
    low: float
    high: float
    p_worse: float
    p_better: float


def compare(
    name: str,
    digest: str,
    task: Task,
    new: Scorer,
    champion: Scorer,
    groups: NDArray[np.intp] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Comparison:
    """Compare the losses of both, row by row.

    A t-test of the mean difference. Rows of one group are added up first, as they are alike.

    Args:
        name: The champion's.
        digest: The champion's.
        task: Of both.
        new: Scores of the new model.
        champion: Scores of the champion on the same rows.
        groups: The number of each row's group from 0 on.
        weights: How much each row counts.
    """
    losses = new.loss(COMPARED[task]), champion.loss(COMPARED[task])
    assert losses[0] is not None and losses[1] is not None, "every task's compared score is a mean"  # noqa: PT018
    each = np.ones(len(losses[0])) if weights is None else weights
    paired = (losses[0] - losses[1]) * each / each.mean()
    if groups is not None:
        paired = np.bincount(groups, paired) * (groups.max() + 1) / len(paired)
    mean = float(paired.mean())
    error = float(stats.sem(paired)) if len(paired) > 1 else math.nan
    if error > 0:
        law = stats.t(len(paired) - 1)
        reach = float(law.ppf(0.975)) * error
        p_worse, p_better = float(law.sf(mean / error)), float(law.cdf(mean / error))
    else:  # the same loss on every row, or one row: nothing says that they differ
        reach, p_worse, p_better = 0.0, 1.0, 1.0
    finite = {k: v for k, v in champion.scores(weights).items() if math.isfinite(v)}
    loss = {"brier": "brier", "accuracy": "error", "rmse": "squared error"}[COMPARED[task]]
    return Comparison(
        name, digest, finite, loss, mean, mean - reach, mean + reach, p_worse, p_better
    )
