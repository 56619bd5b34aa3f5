"""Decide whether a model is good enough to be offered to users.

This is the offline judgement, on rows that the model did not see. Whether it serves live requests
well is for the rollout to find out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.bundle import Bundle
from headrace.training.data import target
from headrace.training.data.schema import DataSchema, Task
from headrace.training.evaluation.answered import (
    Answered,
    bundle_answers,
    model_answers,
)
from headrace.training.evaluation.champion import Comparison, compare
from headrace.training.evaluation.gates import Gate, judge
from headrace.training.evaluation.importance import Importance, importance
from headrace.training.evaluation.intervals import RESAMPLES, Score, with_intervals
from headrace.training.evaluation.scores import HEADLINE, Scorer
from headrace.training.evaluation.segments import Segment, segments, worst_of
from headrace.training.model.fitted import Fitted

FORMAT: Final = "headrace.dev/evaluation/v1"


@dataclass(frozen=True)
class Criteria:
    """What a model is judged by.

    Attributes:
        gates: One expression over the scores; see `gates`. Empty lets every model pass.
        segments: Columns whose values cut the rows into segments.
        threshold: Of a binary task: a probability above it is a positive answer, in [0, 1].
        resamples: For the intervals of the scores; 0 for none.
        seed: Of everything random, >= 0.
    """

    gates: str = ""
    segments: Sequence[str] = ()
    threshold: float = 0.5
    resamples: int = RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InvalidInput: A number is out of range.
        """
        if not 0 <= self.threshold <= 1:
            raise InvalidInput(f"threshold is {self.threshold}; expected a number in [0, 1].")
        if self.resamples < 0 or self.seed < 0:
            raise InvalidInput(
                f"resamples is {self.resamples} and seed {self.seed}; expected 0 or more."
            )


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on the holdout, and the judgement.

    Attributes:
        task: Of the model.
        rows: How many it was judged on.
        labels: Of a classification, in the order of `confusion`.
        scores: By name, with intervals.
        confusion: Rows by truth (down) and answer (across); None for a regression.
        calibration: Rows, mean prediction and observed share of bins; empty unless binary.
        segments: By column.
        importance: The most important input first.
        comparison: With the champion; None if there is none.
        gates: Each condition and whether it holds.
        new: The answered rows, for plots.
        champion: The champion's, for plots.
    """

    task: Task
    rows: int
    labels: tuple[str, ...]
    scores: Mapping[str, Score]
    confusion: list[list[float]] | None
    calibration: list[tuple[int, float, float]]
    segments: list[Segment]
    importance: list[Importance]
    comparison: Comparison | None
    gates: list[Gate]
    new: Answered
    champion: Answered | None

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(gate.passed for gate in self.gates)

    @property
    def worst(self) -> Segment | None:
        """The worst segment."""
        return worst_of(self.segments)

    def message(self) -> str:
        """Say how the model did in one sentence with the numbers."""
        headline = HEADLINE[self.task]
        said = f"{headline} {self.scores[headline].value:.4g} on {self.rows} rows"
        if self.comparison is not None:
            theirs = self.comparison.scores.get(headline)
            against = "" if theirs is None else f", the champion's {theirs:.4g}"
            said += f"{against} (it is worse with p {self.comparison.p_worse:.3g})"
        if not self.gates:
            return f"No gates were given: {said}."
        failed = [gate for gate in self.gates if not gate.passed]
        if not failed:
            return f"All {len(self.gates)} gates hold: {said}."
        reasons = "; ".join(
            gate.expression if gate.value is None else f"{gate.expression} (it is {gate.value:.4g})"
            for gate in failed
        )
        return f"{len(failed)} of {len(self.gates)} gates do not hold: {reasons}; {said}."

    def to_document(self) -> dict[str, Any]:
        """Give it as JSON holds it: every number is finite."""
        return {
            "format": FORMAT,
            "task": self.task,
            "rows": self.rows,
            "labels": list(self.labels),
            "scores": {name: asdict(score) for name, score in self.scores.items()},
            "confusion": self.confusion,
            "calibration": [
                {"rows": rows, "predicted": predicted, "observed": observed}
                for rows, predicted, observed in self.calibration
            ],
            "segments": [asdict(segment) for segment in self.segments],
            "worst_segment": None if self.worst is None else asdict(self.worst),
            "importance": [asdict(each) for each in self.importance],
            "champion": None if self.comparison is None else asdict(self.comparison),
            "gates": [asdict(gate) for gate in self.gates],
            "passed": self.passed,
            "message": self.message(),
        }


def evaluate(
    fitted: Fitted,
    holdout: pd.DataFrame,
    schema: DataSchema,
    criteria: Criteria,
    champion: Bundle | None = None,
) -> Evaluation:
    """Score a model on the holdout, beside the champion if there is one.

    Args:
        fitted: The model.
        holdout: Rows that it was not fitted on.
        schema: Theirs.
        criteria: What it is judged by.
        champion: The bundle that users have now.

    Raises:
        InvalidInput: The schema is of another task than the model, a segment's column is not
            there, or the gates are no expression over the scores.
        InvalidData: The holdout cannot be scored.
        InvalidBundle: The champion does not run.
    """
    known = fitted.description
    if (known.task, known.target, known.positive) != (
        schema.task, schema.target, schema.positive or "",
    ):  # fmt: skip
        raise InvalidInput(
            f"The model is for a {known.task} task with the target {known.target}, but the schema "
            f"is for {schema.task} with {schema.target}."
        )
    if holdout.empty:
        raise InvalidData("The holdout has no rows; a model is judged on one at least.")
    holdout = holdout.reset_index(drop=True)
    truth = target.answers(holdout, schema)
    _require_known(truth, fitted)
    weights = target.weights(holdout, schema)
    groups = _group_numbers(holdout, schema)
    new = model_answers(fitted, holdout, truth)
    scorer = Scorer(new, criteria.threshold)
    scores = with_intervals(
        scorer, len(new), criteria.seed, groups, weights, resamples=criteria.resamples
    )
    cut = segments(holdout, criteria.segments, new, criteria.threshold, criteria.seed, weights)
    theirs = comparison = None
    if champion is not None:
        theirs = bundle_answers(champion, fitted, holdout, truth)
        signature = champion.signature
        comparison = compare(
            f"{signature.name} {signature.version}", champion.digest, known.task, scorer,
            Scorer(theirs, criteria.threshold), groups, weights,
        )  # fmt: skip
    values = _values(scores, scorer.scores(weights), comparison, worst_of(cut))
    return Evaluation(
        task=known.task,
        rows=len(new),
        labels=new.labels,
        scores=scores,
        confusion=None if known.task == "regression" else scorer.confusion().tolist(),
        calibration=scorer.calibration() if known.task == "binary" else [],
        segments=cut,
        importance=importance(fitted, holdout, truth, criteria.seed),
        comparison=comparison,
        gates=judge(criteria.gates, values, comparison is not None),
        new=new,
        champion=theirs,
    )


def _require_known(truth: NDArray[Any], fitted: Fitted) -> None:
    if fitted.description.task != "multiclass":
        return
    if unknown := sorted(set(truth.tolist()) - set(fitted.description.classes)):
        raise InvalidInput(
            f"The holdout has the labels {', '.join(map(str, unknown[:5]))}, which the model has "
            "never seen; split stratified, or leave such rows out."
        )


def _group_numbers(rows: pd.DataFrame, schema: DataSchema) -> NDArray[np.intp] | None:
    if schema.group is None or schema.group not in rows:
        return None
    # Rows of no group are a group each.
    numbers, names = pd.factorize(rows[schema.group])
    lonely = numbers < 0
    numbers[lonely] = len(names) + np.arange(lonely.sum())
    return np.asarray(numbers, dtype=np.intp)


def _values(
    scores: Mapping[str, Score],
    plain: Mapping[str, float],
    comparison: Comparison | None,
    worst: Segment | None,
) -> dict[str, float]:
    """Name every number that a gate may ask for; NaN where one is not defined, and never holds."""
    values = dict(plain)
    for name, score in scores.items():
        values[f"{name}.low"] = math.nan if score.low is None else score.low
        values[f"{name}.high"] = math.nan if score.high is None else score.high
    for name in plain:
        if worst is not None:
            found = worst.scores.get(name)
            values[f"worst.{name}"] = math.nan if found is None else found.value
        if comparison is not None:
            values[f"champion.{name}"] = comparison.scores.get(name, math.nan)
    if comparison is not None:
        for field in ("difference", "p_worse", "p_better"):
            values[f"champion.{field}"] = getattr(comparison, field)
    return values
