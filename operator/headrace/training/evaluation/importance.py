"""How much a model needs each input: how much worse it gets when the input is shuffled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace.training.evaluation.answered import answered, fitted_inputs
from headrace.training.evaluation.scores import HEADLINE, HIGHER_IS_BETTER, Scorer
from headrace.training.model.fitted import Fitted

MOST_ROWS = 2000
REPEATS = 3


@dataclass(frozen=True)
class Importance:
    """One input: the mean loss in the headline score when it is shuffled, and its deviation."""

    input: str
    loss: float
    deviation: float


def importance(fitted: Fitted, rows: Any, truth: NDArray[Any], seed: int) -> list[Importance]:
    """Measure every input on at most `MOST_ROWS` rows, spread over all.

    Returns:
        The most important first. Inputs that say the same share their importance.
    """
    places = np.unique(np.linspace(0, len(rows) - 1, min(MOST_ROWS, len(rows))).round().astype(int))
    some, known = rows.iloc[places], truth[places]
    if fitted.description.task != "regression" and len(np.unique(known)) < 2:
        return []
    frame = fitted_inputs(fitted, some)
    headline = HEADLINE[fitted.description.task]
    before = _score(fitted, frame, known, headline)
    random = np.random.default_rng(seed)
    sign = -1.0 if headline in HIGHER_IS_BETTER else 1.0
    found = []
    for column in fitted.description.inputs:
        losses = []
        for _ in range(REPEATS):
            shuffled = frame.copy()
            shuffled[column.name] = frame[column.name].to_numpy()[random.permutation(len(frame))]
            losses.append(sign * (_score(fitted, shuffled, known, headline) - before))
        found.append(Importance(column.name, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda each: -each.loss)


def _score(fitted: Fitted, frame: Any, truth: NDArray[Any], headline: str) -> float:
    known = fitted.description
    if known.task == "binary":
        said = np.asarray(fitted.estimator.predict_proba(frame))[:, 1]
    else:
        said = np.asarray(fitted.estimator.predict(frame)).ravel()
    return Scorer(answered(known.task, truth, said, known.classes)).scores()[headline]
