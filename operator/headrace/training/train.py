"""Fit the model: a small grid search, judged on the last part of the training rows.

Gradient-boosted trees on text encoded by its rate of late flights. Text that was not in training
gets the overall rate, a missing reading the median, so that no request is refused by the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import TargetEncoder

from headrace.errors import InvalidData
from headrace.training.flights import TARGET, FeatureSet
from headrace.training.inputs import model_inputs

GRID: Mapping[str, Sequence[float | int]] = {
    "learning_rate": (0.1,),
    "max_leaf_nodes": (7, 15, 31),
}

VALIDATION_SHARE = 0.2
"""The last part of the training rows, which judges the grid; the holdout is not touched."""

TREES = 60
SEED = 2013


@dataclass(frozen=True)
class Trial:
    """One point of the grid and the log loss of its model on the validation rows."""

    parameters: Mapping[str, float | int]
    log_loss: float


@dataclass(frozen=True)
class Trained:
    """A fitted model.

    Attributes:
        pipeline: From the columns of `features.inputs` to probabilities; fitted on all rows.
        trials: Every point of the grid, in its order.
        best: The parameters of `pipeline`.
    """

    pipeline: Pipeline
    trials: tuple[Trial, ...]
    best: Mapping[str, float | int]


def train(
    rows: pd.DataFrame,
    features: FeatureSet,
    grid: Mapping[str, Sequence[float | int]] = GRID,
) -> Trained:
    """Choose parameters on the last fifth of the rows, then fit on all of them.

    Args:
        rows: The columns of a request and the answer, ordered by scheduled departure.
        features: The model's inputs.
        grid: Values to try of the classifier's parameters.

    Raises:
        InvalidData: The first or the last part has flights of one kind only.
    """
    inputs, labels = model_inputs(rows, features), rows[TARGET].to_numpy()
    early = int(len(rows) * (1 - VALIDATION_SHARE))
    for part, name in ((labels[:early], "first"), (labels[early:], "last")):
        if len(set(part)) < 2:
            raise InvalidData(
                f"The {name} part of the {len(rows)} training rows has flights of one kind only; "
                "a model needs late and punctual ones. Train on a longer window."
            )
    encoder = pipeline(features, {})[:-1]
    encoded = encoder.fit_transform(inputs[:early], labels[:early])
    judging = encoder.transform(inputs[early:])
    trials = []
    for values in itertools.product(*grid.values()):
        parameters = dict(zip(grid, values, strict=True))
        fitted = classifier(parameters).fit(encoded, labels[:early])
        loss = float(log_loss(labels[early:], fitted.predict_proba(judging)))
        trials.append(Trial(parameters, loss))
    best = min(trials, key=lambda trial: trial.log_loss).parameters
    return Trained(pipeline(features, best).fit(inputs, labels), tuple(trials), best)


def pipeline(features: FeatureSet, parameters: Mapping[str, float | int]) -> Pipeline:
    """Build the model, not fitted yet; the same rows always give the same model."""
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    encode = ColumnTransformer(
        [
            ("texts", TargetEncoder(cv=folds), list(features.strings)),
            ("numbers", SimpleImputer(strategy="median"), list(features.numbers)),
        ]
    )
    return Pipeline([("encode", encode), ("classify", classifier(parameters))])


def classifier(parameters: Mapping[str, float | int]) -> HistGradientBoostingClassifier:
    """Build the last part of the model, not fitted yet."""
    return HistGradientBoostingClassifier(
        max_iter=TREES, early_stopping=False, random_state=SEED, **parameters
    )
