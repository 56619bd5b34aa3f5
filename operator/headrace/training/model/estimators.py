"""From a name and parameters to an estimator that is not fitted yet, with the encoding before it.

Text becomes numbers by the mean answer of each (one column a label where there are several), text
that was not in training gets the overall mean, and a missing number the median: no request is
refused by the model. Everything here converts to ONNX.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from headrace.errors import InvalidInput
from headrace.serving.signature import Column
from headrace.training.data.schema import Task

_TREES = ("sklearn.ensemble", "sklearn.tree")
_CLASSIFIERS = {
    "gradient_boosting": "sklearn.ensemble.HistGradientBoostingClassifier",
    "random_forest": "sklearn.ensemble.RandomForestClassifier",
    "extra_trees": "sklearn.ensemble.ExtraTreesClassifier",
    "tree": "sklearn.tree.DecisionTreeClassifier",
    "linear": "sklearn.linear_model.LogisticRegression",
}
_REGRESSORS = {
    "gradient_boosting": "sklearn.ensemble.HistGradientBoostingRegressor",
    "random_forest": "sklearn.ensemble.RandomForestRegressor",
    "extra_trees": "sklearn.ensemble.ExtraTreesRegressor",
    "tree": "sklearn.tree.DecisionTreeRegressor",
    "linear": "sklearn.linear_model.Ridge",
}
NAMES: Mapping[Task, Mapping[str, str]] = {
    "binary": _CLASSIFIERS,
    "multiclass": _CLASSIFIERS,
    "regression": _REGRESSORS,
}
"""Import paths by the names that one need not look up."""

ENCODE, ESTIMATE = "encode", "estimate"
"""The steps of the pipeline."""


def import_path(name: str, task: Task) -> str:
    """Give the import path of an estimator that is named shortly, or is one already."""
    return NAMES[task].get(name, name)


def build(
    name: str, parameters: Mapping[str, Any], task: Task, inputs: Sequence[Column], seed: int
) -> Pipeline:
    """Build a model that reads a data frame of inputs.

    Args:
        name: One of `NAMES`, or the import path of a class of scikit-learn's kind, such as
            `sklearn.svm.SVC`, or of a function that gives an estimator. One that is a Pipeline
            already reads the inputs as they are; before all others an encoding is put.
        parameters: Of the class or function; of a Pipeline's step as `step__name`.
        task: What it is for.
        inputs: What it reads.
        seed: For everything random that takes one.

    Raises:
        InvalidInput: There is no such estimator, or it does not take these parameters.
    """
    estimator = _made(import_path(name, task), imported(name, task), parameters, seed)
    if isinstance(estimator, Pipeline):
        return estimator
    scaled = not type(estimator).__module__.startswith(_TREES)
    return Pipeline([(ENCODE, encoding(task, inputs, seed, scaled)), (ESTIMATE, estimator)])


def encoding(
    task: Task, inputs: Sequence[Column], seed: int, scaled: bool = False
) -> ColumnTransformer:
    """Build what turns inputs into numbers.

    Args:
        task: Several labels need a column for each text; else the mean answer of a text is enough.
        inputs: What it reads.
        seed: Of the folds in which means are taken, so that no row sees its own answer.
        scaled: Whether numbers get mean 0 and variance 1, which all but trees need.
    """
    texts = [column.name for column in inputs if column.type == "string"]
    numbers = [column.name for column in inputs if column.type == "number"]
    text: Any
    if task == "multiclass":
        text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    else:
        folds = StratifiedKFold if task == "binary" else KFold
        text = TargetEncoder(cv=folds(n_splits=5, shuffle=True, random_state=seed))
    # A column with no value at all is kept, so that the columns stay those of the signature.
    number: Any = SimpleImputer(strategy="median", keep_empty_features=True)
    if scaled:
        number = Pipeline([("fill", number), ("scale", StandardScaler())])
    parts = [("texts", text, texts), ("numbers", number, numbers)]
    return ColumnTransformer([part for part in parts if part[2]])


def with_parameters(model: Pipeline, parameters: Mapping[str, Any]) -> Pipeline:
    """Change parameters of a model's last step, or of any by `step__name`.

    Raises:
        InvalidInput: It has none of that name; the text has those that it has.
    """
    known = model[-1].get_params()
    given = {
        name
        if "__" in name and name.split("__")[0] in model.named_steps
        else _of_last(model, name): value
        for name, value in parameters.items()
    }
    try:
        changed: Pipeline = model.set_params(**given)
    except ValueError as error:
        raise InvalidInput(
            f"{type(model[-1]).__name__} has no parameters {', '.join(parameters)}; "
            f"expected some of {', '.join(sorted(known))}."
        ) from error
    return changed


def _of_last(model: Pipeline, name: str) -> str:
    return f"{model.steps[-1][0]}__{name}"


def imported(name: str, task: Task) -> Callable[..., Any]:
    """Import the class or function of an estimator.

    Raises:
        InvalidInput: There is none.
    """
    path = import_path(name, task)
    module, separator, attribute = path.partition(":")
    if not separator:
        module, _, attribute = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute) if module else None
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInput(
            f"The estimator {path!r} cannot be imported: {error}. {_expected(task)}"
        ) from error
    if not callable(found):
        raise InvalidInput(f"There is no estimator {path!r}. {_expected(task)}")
    factory: Callable[..., Any] = found
    return factory


def _expected(task: Task) -> str:
    return (
        f"Expected one of {', '.join(NAMES[task])}, or an import path such as "
        f"{NAMES[task]['random_forest']}."
    )


def _made(path: str, factory: Callable[..., Any], parameters: Mapping[str, Any], seed: int) -> Any:
    try:
        taken = inspect.signature(factory).parameters
    except ValueError as error:  # of some classes that are written in C
        raise InvalidInput(f"{path} is no estimator: {error}.") from error
    seeded = {"random_state": seed} if "random_state" in taken else {}
    try:
        estimator = factory(**{**seeded, **parameters})
    except TypeError as error:
        raise InvalidInput(
            f"{path} does not take {', '.join(parameters) or 'no parameters'}: {error}. "
            f"It takes {', '.join(taken) or 'none'}."
        ) from error
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise InvalidInput(
            f"{path} gives a {type(estimator).__name__}; expected an estimator with fit."
        )
    return estimator
