"""Find parameters: fit each combination on some rows, judge it on others, keep the table.

The rows that judge a combination are later where the schema names a time, and of other groups
where it names a group, as those of the split.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ParameterGrid,
    ParameterSampler,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import Pipeline

from headrace.errors import InvalidData, InvalidInput
from headrace.training.data.schema import DataSchema
from headrace.training.model.estimators import ESTIMATE, with_parameters
from headrace.training.model.recipe import Recipe
from headrace.training.model.workers import workers

Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]

LATEST_SHARE = 0.2
"""Of the rows that judge where there is one fold only."""


@dataclass(frozen=True)
class Trial:
    """One combination of parameters and how its models did.

    Attributes:
        parameters: The combination.
        score: The mean over the folds, more is better; None where a model could not be fitted or
            judged.
        spread: The standard deviation over the folds; 0 for one fold.
        rows: How many rows the largest of its models saw.
        error: Why there is no score; empty where there is one.
    """

    parameters: Mapping[str, Any]
    score: float | None
    spread: float = 0.0
    rows: int = 0
    error: str = ""


@dataclass(frozen=True)
class Material:
    """What combinations are judged on: inputs, answers, weights (or None), and the folds."""

    inputs: pd.DataFrame
    answers: NDArray[Any]
    weights: NDArray[np.float64] | None
    folds: Folds


def search(model: Pipeline, material: Material, recipe: Recipe, scoring: str) -> list[Trial]:
    """Try every combination that the recipe asks for; without a search, the model as it is.

    Returns:
        In the order in which they were tried; at least one has a score.

    Raises:
        InvalidInput: A parameter is unknown, there is no such scorer, or no combination could be
            fitted; the text has the first reason.
        SetupError: What a cluster needs is not installed.
        PlatformUnavailable: The cluster does not answer.
    """
    try:
        get_scorer(scoring)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"There is no scorer {scoring!r} in scikit-learn.") from error
    for combination in candidates(recipe)[:1]:
        with_parameters(clone(model), combination)
    with workers(recipe.cluster, recipe.jobs, material) as jobs:
        if recipe.search and recipe.strategy == "halving":
            trials = _halving(model, material, recipe, scoring, jobs)
        else:
            trials = list(_tried(model, material, recipe, scoring, jobs))
    if all(trial.score is None for trial in trials):
        raise InvalidInput(f"No combination of parameters can be fitted: {trials[0].error}")
    return trials


def candidates(recipe: Recipe) -> list[dict[str, Any]]:
    """List the combinations that a grid or random search tries; one pod may fit each.

    Returns:
        At least one; an empty one where nothing is searched.
    """
    if not recipe.search:
        return [{}]
    space = {name: list(values) for name, values in sorted(recipe.search.items())}
    grid = ParameterGrid(space)
    if recipe.strategy == "random" and len(grid) > recipe.trials:
        return list(ParameterSampler(space, recipe.trials, random_state=recipe.seed))
    return list(grid)


def best_of(trials: Sequence[Trial]) -> Trial:
    """Give the trial with the highest score, the first of equal ones."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: trial.score if trial.score is not None else -math.inf)


def folds_of(
    schema: DataSchema,
    answers: NDArray[Any],
    instants: pd.Series | None,
    groups: pd.Series | None,
    count: int,
    seed: int,
) -> Folds:
    """Choose which rows judge, so that nothing leaks.

    Args:
        schema: Of the rows.
        answers: Theirs, n.
        instants: When each was known; None where the schema names no time. The rows are in order.
        groups: Their groups; None where the schema names none.
        count: How many folds, from 1 on.
        seed: Of the draw.

    Raises:
        InvalidData: There are too few rows, groups or rows of a label for as many folds.
    """
    rows = np.arange(len(answers))
    single = {"n_splits": 1, "test_size": LATEST_SHARE, "random_state": seed}
    split: Any
    if groups is not None:
        split = GroupKFold(count) if count > 1 else GroupShuffleSplit(**single)
    elif instants is not None:
        if count == 1:
            early = int(len(rows) * (1 - LATEST_SHARE))
            return [(rows[:early], rows[early:])]
        split = TimeSeriesSplit(count)
    elif schema.task == "regression":
        split = (
            KFold(count, shuffle=True, random_state=seed) if count > 1 else ShuffleSplit(**single)
        )
    else:
        split = (
            StratifiedKFold(count, shuffle=True, random_state=seed)
            if count > 1
            else StratifiedShuffleSplit(**single)
        )
    least = min(np.unique(answers, return_counts=True)[1]) if len(answers) else 0
    if isinstance(split, StratifiedKFold) and least < count:
        raise InvalidData(
            f"A label has {least} rows, too few for {count} folds; take fewer folds or more rows."
        )
    try:
        return list(split.split(rows, answers, groups))
    except ValueError as error:
        raise InvalidData(
            f"The {len(rows)} rows cannot be cut into {count} folds: {error}"
        ) from error


def fit(
    model: Pipeline,
    inputs: pd.DataFrame,
    answers: NDArray[Any],
    weights: NDArray[np.float64] | None,
) -> Pipeline:
    """Fit a model.

    Raises:
        InvalidInput: Its parameters are wrong, or it takes no weights.
    """
    given = {} if weights is None else {f"{model.steps[-1][0]}__sample_weight": weights}
    try:
        fitted: Pipeline = model.fit(inputs, answers, **given)
    except (ValueError, TypeError) as error:
        name = type(model[-1]).__name__
        reason = " ".join(str(error).split())
        if given and "sample_weight" in reason:
            reason += ". It takes no weights: leave out class_weight and the schema's weight"
        raise InvalidInput(f"{name} cannot be fitted: {reason}.") from error
    return fitted


def _tried(
    model: Pipeline, material: Material, recipe: Recipe, scoring: str, jobs: int
) -> Iterator[Trial]:
    best, waited = -math.inf, 0
    combinations = candidates(recipe)
    # Where the search may end early, in parts of as many as there are workers.
    size = jobs if recipe.patience else len(combinations)
    for start in range(0, len(combinations), size):
        part = combinations[start : start + size]
        for trial in Parallel(n_jobs=jobs)(
            delayed(judge)(model, each, material, scoring) for each in part
        ):
            yield trial
            better = trial.score is not None and trial.score > best
            best, waited = (trial.score or 0.0, 0) if better else (best, waited + 1)
        if recipe.patience and waited >= recipe.patience and best > -math.inf:
            return


def judge(
    model: Pipeline, parameters: Mapping[str, Any], material: Material, scoring: str
) -> Trial:
    """Fit one combination on every fold, and judge it on the fold's other rows."""
    scorer = get_scorer(scoring)
    scores: list[float] = []
    try:
        for known, unknown in material.folds:
            fitted = fit(
                with_parameters(clone(model), parameters),
                material.inputs.iloc[known],
                material.answers[known],
                None if material.weights is None else material.weights[known],
            )
            weights = None if material.weights is None else material.weights[unknown]
            more = {} if weights is None else {"sample_weight": weights}
            scores.append(
                float(
                    scorer(fitted, material.inputs.iloc[unknown], material.answers[unknown], **more)
                )
            )
    except (InvalidInput, ValueError, AttributeError) as error:
        return Trial(parameters, None, error=" ".join(str(error).split()))
    if not all(map(math.isfinite, scores)):
        return Trial(parameters, None, error=f"the scores {scores} are not finite")
    spread = statistics.pstdev(scores)
    rows = max(len(known) for known, _ in material.folds)
    return Trial(parameters, statistics.fmean(scores), spread, rows)


def _halving(
    model: Pipeline, material: Material, recipe: Recipe, scoring: str, jobs: int
) -> list[Trial]:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    last = model.steps[-1][0] if ESTIMATE not in model.named_steps else ESTIMATE
    space = {f"{last}__{name}": list(values) for name, values in recipe.search.items()}
    found = HalvingGridSearchCV(
        model, space, cv=list(material.folds), scoring=scoring, refit=False, n_jobs=jobs,
        random_state=recipe.seed, error_score=np.nan, factor=2,
    )  # fmt: skip
    given = {} if material.weights is None else {f"{last}__sample_weight": material.weights}
    try:
        found.fit(material.inputs, material.answers, **given)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"The search cannot be made: {' '.join(str(error).split())}") from error
    return list(_halved(found.cv_results_, last))


def _halved(results: Mapping[str, Any], step: str) -> Iterator[Trial]:
    """Read each combination where it came furthest: a score on few rows is none of many."""
    furthest: dict[str, Trial] = {}
    final = max(results["n_resources"])
    for parameters, score, spread, rows in zip(
        results["params"],
        results["mean_test_score"],
        results["std_test_score"],
        results["n_resources"],
        strict=True,
    ):
        plain = {name.removeprefix(f"{step}__"): value for name, value in parameters.items()}
        error = ""
        if not math.isfinite(score):
            error = "it could not be fitted"
        elif rows < final:
            error = f"it scored {score:.4g} on {rows} rows and was left behind"
        trial = Trial(
            plain, None if error else float(score), float(np.nan_to_num(spread)), int(rows), error
        )
        furthest[repr(sorted(plain.items()))] = trial
    yield from furthest.values()
