"""How differently a model treats the groups of its users, on rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace.delivery.review.policy import Fairness
from headrace.errors import InvalidData, InvalidInput
from headrace.serving.comparison import label_text

_MOST_GROUPS = 200


@dataclass(frozen=True)
class Answers:
    """What a model answered, beside the truth.

    Attributes:
        kind: Of its output: `probability`, `label` or `number`.
        answers: Shape (n,): whether it said yes, a label or a number.
        truth: The same, as it turned out.
    """

    kind: str
    answers: NDArray[Any]
    truth: NDArray[Any]


@dataclass(frozen=True)
class Treatment:
    """How the groups of one column are treated.

    Attributes:
        bound: What was asked.
        groups: The measure by group, the highest first.
        rows: How many rows each of them has.
        left_out: Groups that are too small to be judged, with their rows.
        passed: Whether the bound is kept.
        message: In one sentence with the numbers.
    """

    bound: Fairness
    groups: Mapping[str, float]
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    passed: bool
    message: str


def treatment_of(bound: Fairness, rows: pd.DataFrame, given: Answers) -> Treatment:
    """Measure every group and hold the measures against a bound.

    Args:
        bound: Which column and measure.
        rows: With that column, n rows.
        given: The answers for those rows.

    Raises:
        InvalidInput: The measure is none for this kind of model.
        InvalidData: There is no such column, too many groups, or fewer than two large enough.
    """
    if bound.column not in rows:
        known = ", ".join(map(str, rows.columns))
        raise InvalidData(f"The held-out rows have no column {bound.column!r}; they have {known}.")
    usual = rows[bound.column].map(lambda each: "(none)" if pd.isna(each) else label_text(each))
    names = usual.to_numpy(dtype=object)
    values, judged = _per_row(bound, given)
    measures: dict[str, float] = {}
    counts: dict[str, int] = {}
    left_out: dict[str, int] = {}
    groups = sorted(set(names))
    if len(groups) > _MOST_GROUPS:
        raise InvalidData(
            f"{bound.column} has {len(groups)} groups; expected at most {_MOST_GROUPS}: "
            "group its values in a column of their own."
        )
    for group in groups:
        chosen = values[(names == group) & judged]
        if len(chosen) < bound.least_rows:
            left_out[group] = len(chosen)
            continue
        measures[group], counts[group] = float(chosen.mean()), len(chosen)
    if len(measures) < 2:
        raise InvalidData(
            f"{bound.column} has {len(measures)} groups with at least {bound.least_rows} rows to "
            f"judge by {bound.measure}; two are needed. Hold more rows out."
        )
    ordered = dict(sorted(measures.items(), key=lambda item: -item[1]))
    passed, message = _judged(bound, ordered)
    return Treatment(bound, ordered, counts, left_out, passed, message)


def _per_row(bound: Fairness, given: Answers) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give what is averaged, and which rows count."""
    everybody = np.ones(len(given.answers), dtype=bool)
    match (bound.measure, given.kind):
        case ("positive-rate", "probability"):
            return given.answers.astype(np.float64), everybody
        case ("true-positive-rate", "probability"):
            return given.answers.astype(np.float64), given.truth.astype(bool)
        case ("accuracy", "probability" | "label"):
            return (given.answers == given.truth).astype(np.float64), everybody
        case ("mean-error", "number"):
            return (given.answers - given.truth).astype(np.float64), everybody
    raise InvalidInput(
        f"The measure {bound.measure} is none for a model whose answer is a {given.kind}; expected "
        "positive-rate, true-positive-rate or accuracy for a probability, accuracy for a label, "
        "mean-error for a number."
    )


def _judged(bound: Fairness, groups: Mapping[str, float]) -> tuple[bool, str]:
    (high, most), *_, (low, least) = groups.items()
    told = f"{bound.measure} by {bound.column} is {least:.3g} for {low} and {most:.3g} for {high}"
    if bound.largest_difference is not None:
        difference = most - least
        return difference <= bound.largest_difference, (
            f"{told}: a difference of {difference:.3g}, at most {bound.largest_difference:g} is "
            "allowed"
        )
    assert bound.smallest_ratio is not None
    ratio = least / most if most > 0 else 1.0
    return ratio >= bound.smallest_ratio, (
        f"{told}: a ratio of {ratio:.3g}, at least {bound.smallest_ratio:g} is required"
    )
