"""How sure a score is: intervals by a bootstrap of rows, or of whole groups of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace.training.evaluation.scores import Scorer

RESAMPLES = 200
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Score:
    """A score with its interval; `low` and `high` are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


def with_intervals(
    scorer: Scorer,
    rows: int,
    seed: int,
    groups: NDArray[np.intp] | None = None,
    weights: NDArray[np.float64] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> dict[str, Score]:
    """Compute scores and their percentile intervals.

    In each resample a row counts as often as Poisson's law with mean 1 draws it, which for more
    than some dozens of rows is the bootstrap, and needs no copy of the rows.

    Args:
        scorer: Of the rows.
        rows: How many.
        seed: The same gives the same intervals.
        groups: The number of each row's group from 0 on, which is drawn as a whole; rows of one
            group are alike, and counting them singly would flatter the interval.
        weights: How much each row counts.
        resamples: How often; 0 for no intervals.
        confidence: Of the interval, in (0, 1).

    Returns:
        Finite scores by name; one that is not defined for these rows is left out.
    """
    random = np.random.default_rng(seed)
    base = np.ones(rows) if weights is None else weights
    values = scorer.scores(base)
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(resamples):
        if groups is None:
            counts = random.poisson(1.0, rows)
        else:
            counts = random.poisson(1.0, int(groups.max()) + 1)[groups]
        if not counts.any():
            continue
        for name, value in scorer.scores(base * counts).items():
            if math.isfinite(value):
                drawn[name].append(value)
    return _scores(values, drawn, confidence)


def _scores(
    values: Mapping[str, float], drawn: Mapping[str, list[float]], confidence: float
) -> dict[str, Score]:
    tail = (1 - confidence) / 2
    found = {}
    for name, value in values.items():
        if not math.isfinite(value):
            continue
        if len(drawn[name]) < 2:
            found[name] = Score(value)
            continue
        low, high = np.quantile(drawn[name], (tail, 1 - tail))
        found[name] = Score(value, float(low), float(high))
    return found
