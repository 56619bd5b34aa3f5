"""Fit a model as a recipe says: find its parameters, then fit on all rows."""

from __future__ import annotations

import math
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.signature import Column
from headrace.training.data import target
from headrace.training.data.schema import DataSchema
from headrace.training.model.columns import Columns, feature_function, frame_of, request_of
from headrace.training.model.estimators import build, import_path, with_parameters
from headrace.training.model.fitted import Description, Fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.search import Material, Trial, best_of, fit, folds_of, search
from headrace.training.model.whole_numbers import settled

COMMIT_VARIABLE = "HEADRACE_CODE_COMMIT"
"""The git commit of the code in an image; its build sets it."""

_SOFTWARE = ("headrace", "scikit-learn", "numpy", "pandas", "skops")
_LEAST_ROWS = 10


@dataclass(frozen=True)
class Trained:
    """A fitted model and how its parameters were found.

    Attributes:
        fitted: The model, fitted on all rows.
        trials: Every combination that was tried.
        best: The one of the model.
        scoring: What the scores are: a scorer of scikit-learn, where more is better.
    """

    fitted: Fitted
    trials: tuple[Trial, ...]
    best: Trial
    scoring: str


def train(rows: pd.DataFrame, schema: DataSchema, recipe: Recipe, data_digest: str) -> Trained:
    """Fit a model. The same rows, recipe and software give the same model.

    Args:
        rows: At least `_LEAST_ROWS`; in any order, they are put in that of their time.
        schema: Theirs.
        recipe: How.
        data_digest: Of the rows.

    Raises:
        InvalidInput: The recipe is wrong; the text says what it should be.
        InvalidData: The rows lack a column, an answer or a second label.
        SetupError: A cluster's client is not installed.
        PlatformUnavailable: A cluster does not answer.
    """
    recipe = settled(recipe, schema.task)
    if len(rows) < _LEAST_ROWS:
        raise InvalidData(
            f"There are {len(rows)} rows to learn from; expected {_LEAST_ROWS} or more."
        )
    moments = target.instants(rows, schema)
    if moments is not None:
        order = moments.sort_values(kind="stable").index
        rows, moments = rows.loc[order], moments.loc[order]
    labels = target.labels(rows, schema)
    answers = target.answers(rows, schema)
    weights = _weights(rows, schema, answers, labels, recipe)
    computed, inputs = _inputs(rows, schema, recipe)
    frame = frame_of(computed, inputs)
    groups = rows[schema.group] if schema.group else None
    model = build(recipe.estimator, recipe.parameters, schema.task, inputs, recipe.seed)
    if schema.task == "binary" and not hasattr(model, "predict_proba"):
        raise InvalidInput(
            f"{type(model[-1]).__name__} gives no probabilities, which a binary task needs; "
            "use another, or one of CalibratedClassifierCV around it."
        )
    folds = folds_of(schema, answers, moments, groups, recipe.folds, recipe.seed)
    _require_labels(answers, folds, schema)
    scoring = recipe.scorer(schema.task)
    trials = search(model, Material(frame, answers, weights, folds), recipe, scoring)
    best = best_of(trials)
    final = fit(with_parameters(clone(model), best.parameters), frame, answers, weights)
    description = Description(
        task=schema.task,
        target=schema.target,
        positive=schema.positive or "",
        classes=labels,
        inputs=inputs,
        request_columns=schema.request_columns,
        features=recipe.features,
        estimator=import_path(recipe.estimator, schema.task),
        parameters={**recipe.parameters, **best.parameters},
        seed=recipe.seed,
        data_digest=data_digest,
        rows=len(rows),
        first=_written(moments.iloc[0]) if moments is not None else None,
        last=_written(moments.iloc[-1]) if moments is not None else None,
        software=software(),
        code_commit=os.environ.get(COMMIT_VARIABLE, ""),
    )
    return Trained(Fitted(final, description), tuple(trials), best, scoring)


def software() -> dict[str, str]:
    """List the versions of what fits a model."""
    versions = {"python": platform.python_version()}
    for name in _SOFTWARE:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # a checkout on PYTHONPATH has no metadata
    return versions


def _written(moment: pd.Timestamp) -> str:
    return str(moment.isoformat()).replace("+00:00", "Z")


def _inputs(
    rows: pd.DataFrame, schema: DataSchema, recipe: Recipe
) -> tuple[Columns, tuple[Column, ...]]:
    """Compute what the model reads as the server will, and say what that is."""
    known = {column.name: column for column in schema.request_columns}
    computed: Columns = request_of(rows, schema.request_columns)
    if recipe.features:
        computed = feature_function(recipe.features)(computed)
    names = recipe.inputs or tuple(computed)
    if unknown := [name for name in names if name not in computed]:
        raise InvalidInput(
            f"The inputs {', '.join(unknown)} are none of what a model can read: "
            f"{', '.join(computed)}."
        )
    columns = []
    for name in names:
        if not recipe.features and schema.column(name).type == "instant":
            raise InvalidInput(
                f"The column {name} is an instant, which no model reads. Compute features of it, "
                "or say request: false in the schema."
            )
        if len(computed[name]) != len(rows):
            raise InvalidInput(
                f"{recipe.features} gives {len(computed[name])} values of {name} for "
                f"{len(rows)} rows."
            )
        columns.append(_column(name, computed[name], known.get(name)))
    return computed, tuple(columns)


def _column(name: str, values: Sequence[Any], known: Column | None) -> Column:
    present = next((value for value in values if value is not None), None)
    missing = any(value is None or value != value for value in values)
    if known is not None and (
        present is None or isinstance(present, str) == (known.type == "string")
    ):
        return Column(name, known.type, nullable=known.nullable or missing)
    return Column(name, "string" if isinstance(present, str) else "number", nullable=missing)


def _weights(
    rows: pd.DataFrame,
    schema: DataSchema,
    answers: NDArray[Any],
    labels: Sequence[str],
    recipe: Recipe,
) -> NDArray[np.float64] | None:
    given = target.weights(rows, schema)
    if not recipe.class_weight:
        return given
    if schema.task == "regression":
        raise InvalidInput("class_weight is given for a regression; expected none.")
    counts = Counter(answers.tolist())
    names = labels if schema.task == "multiclass" else (0, 1)
    if isinstance(recipe.class_weight, Mapping):
        by_label = dict(recipe.class_weight)
        if set(by_label) != set(labels) or not all(_is_weight(w) for w in by_label.values()):
            raise InvalidInput(
                f"class_weight is {by_label}; expected a number above 0 for each of the labels "
                f"{', '.join(labels)}."
            )
        weights = {name: float(by_label[label]) for name, label in zip(names, labels, strict=True)}
    else:
        weights = {name: len(answers) / (len(names) * counts[name]) for name in names}
    each = np.array([weights[answer] for answer in answers.tolist()])
    return each if given is None else each * given


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0


def _require_labels(answers: NDArray[Any], folds: Any, schema: DataSchema) -> None:
    if schema.task == "regression":
        return
    for known, unknown in folds:
        for side, name in ((known, "learns from"), (unknown, "is judged by")):
            if len(np.unique(answers[side])) < 2:
                raise InvalidData(
                    f"The part of the {len(answers)} rows that a fold {name} has one label only; "
                    "take fewer folds, or rows of a longer time."
                )
