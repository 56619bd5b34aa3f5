"""How good a model is for parts of the rows: the mean may hide a part that it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace.errors import InvalidInput
from headrace.serving.comparison import label_text
from headrace.training.evaluation.answered import Answered
from headrace.training.evaluation.intervals import Score, with_intervals
from headrace.training.evaluation.scores import HEADLINE, Scorer, is_worse

LEAST_ROWS = 30
"""Rows of a segment below which its scores say nothing."""

MOST_SEGMENTS = 30
"""Of one column; the largest ones."""

_PARTS = 4
_RESAMPLES = 100
MISSING = "(missing)"


@dataclass(frozen=True)
class Segment:
    """The rows with one value of a column.

    Attributes:
        column: The column.
        value: Its value, or for numbers a range of a quarter of the rows.
        rows: How many.
        scores: Of these rows.
        worst: Whether no other segment of any column has a worse headline score.
    """

    column: str
    value: str
    rows: int
    scores: dict[str, Score]
    worst: bool = False


def segments(
    rows: pd.DataFrame,
    columns: Sequence[str],
    answered: Answered,
    threshold: float,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> list[Segment]:
    """Score every segment of at least `LEAST_ROWS` rows.

    Args:
        rows: n rows, with the columns.
        columns: By which to cut.
        answered: The same n rows, answered.
        threshold: See `Scorer`.
        seed: Of the intervals.
        weights: How much each row counts.

    Returns:
        By column; the worst is marked.

    Raises:
        InvalidInput: A column is not there.
    """
    if missing := [name for name in columns if name not in rows]:
        raise InvalidInput(
            f"There are no columns {', '.join(missing)} to cut segments by; the rows have "
            f"{', '.join(map(str, rows.columns))}."
        )
    found = []
    for name in columns:
        for value, places in _cut(rows[name]):
            scorer = Scorer(answered.take(places), threshold)
            given = None if weights is None else weights[places]
            scores = with_intervals(scorer, len(places), seed, weights=given, resamples=_RESAMPLES)
            found.append(Segment(name, value, len(places), scores))
    return _marked(found, HEADLINE[answered.task])


def worst_of(found: Sequence[Segment]) -> Segment | None:
    """Give the worst segment; None where there is none."""
    return next((segment for segment in found if segment.worst), None)


def _marked(found: list[Segment], headline: str) -> list[Segment]:
    worst: Segment | None = None
    for segment in found:
        if headline in segment.scores and (
            worst is None
            or is_worse(headline, segment.scores[headline].value, worst.scores[headline].value)
        ):
            worst = segment
    return [Segment(s.column, s.value, s.rows, s.scores, worst=s is worst) for s in found]


def _cut(values: pd.Series) -> Iterator[tuple[str, NDArray[np.intp]]]:
    is_number = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(
        values.dtype
    )
    if is_number and values.nunique() > MOST_SEGMENTS:
        named = _ranges(values)
    else:
        named = values.map(lambda value: MISSING if pd.isna(value) else label_text(value))
    named = named.reset_index(drop=True)
    for value, count in named.value_counts().head(MOST_SEGMENTS).sort_index().items():
        if count >= LEAST_ROWS:
            yield str(value), np.flatnonzero(named == value)


def _ranges(values: pd.Series) -> pd.Series:
    finite = values.astype(float).replace([np.inf, -np.inf], np.nan)
    cut = pd.qcut(finite, _PARTS, duplicates="drop")
    names = {each: f"{each.left:.4g} to {each.right:.4g}" for each in cut.cat.categories}
    return cut.astype(object).map(lambda each: MISSING if pd.isna(each) else names[each])
