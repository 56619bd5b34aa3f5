from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, TargetEncoder

from headrace.errors import InvalidBundle, NotFound
from headrace.serving.signature import Column
from headrace.training.model.fitted import (
    DESCRIPTION,
    MODEL,
    Description,
    Fitted,
    read_description,
    read_fitted,
    write_fitted,
)

INPUTS = (Column("x", "number", nullable=True), Column("kind", "string"))
DESCRIPTION_ = Description(
    task="binary",
    target="y",
    positive="yes",
    classes=("no", "yes"),
    inputs=INPUTS,
    request_columns=INPUTS,
    estimator="sklearn.linear_model.LogisticRegression",
    parameters={"C": 0.5, "class_weight": None},
    seed=7,
    data_digest="sha256:" + "0" * 64,
    rows=60,
    first="2026-01-01T00:00:00Z",
    last="2026-02-01T00:00:00Z",
    run="abc",
    software={"scikit-learn": "1.9.1"},
)

ROWS = pd.DataFrame(
    {"x": np.arange(60, dtype="float32"), "kind": [("a", "b", "c")[i % 3] for i in range(60)]}
)
LABELS = np.arange(60) // 4 % 2


def encoded(classifier: Any) -> Any:
    folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=1)
    texts = ColumnTransformer(
        [("texts", TargetEncoder(cv=folds), ["kind"])], remainder="passthrough"
    )
    return make_pipeline(texts, classifier).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(),
        RandomForestClassifier(n_estimators=3, random_state=1),
        GradientBoostingClassifier(n_estimators=3, random_state=1),
        HistGradientBoostingClassifier(max_iter=3, random_state=1),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_model_answers_the_same_after_it_was_read(tmp_path: Path, classifier: Any) -> None:
    estimator = encoded(classifier)
    write_fitted(tmp_path / "model", Fitted(estimator, DESCRIPTION_))
    read = read_fitted(tmp_path / "model")
    assert read.description == DESCRIPTION_
    np.testing.assert_array_equal(read.estimator.predict_proba(ROWS), estimator.predict_proba(ROWS))
    assert sorted(each.name for each in (tmp_path / "model").iterdir()) == [DESCRIPTION, MODEL]
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_a_second_model_replaces_the_first(tmp_path: Path) -> None:
    for seed in (1, 2):
        description = dataclasses.replace(DESCRIPTION_, seed=seed)
        write_fitted(tmp_path, Fitted(DummyRegressor().fit(ROWS, LABELS), description))
    assert read_description(tmp_path).seed == 2


class Own(BaseEstimator):  # type: ignore[misc]
    """Of this file: foreign to whoever loads it."""


def test_types_of_others_are_refused_by_name_and_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match=r"not scikit-learn's or numpy's own: .*\.Own\."):
        write_fitted(tmp_path / "model", Fitted(Own(), DESCRIPTION_))
    assert not (tmp_path / "model").exists()


def test_a_function_of_numpy_is_no_harmless_part(tmp_path: Path) -> None:
    transformer = FunctionTransformer(np.loadtxt)
    with pytest.raises(InvalidBundle, match="loadtxt"):
        write_fitted(tmp_path / "model", Fitted(transformer, DESCRIPTION_))


def test_an_array_function_of_numpy_is(tmp_path: Path) -> None:
    write_fitted(tmp_path / "m", Fitted(FunctionTransformer(np.log1p).fit([[1.0]]), DESCRIPTION_))
    assert read_fitted(tmp_path / "m").estimator.transform([[0.0]])[0, 0] == 0


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no model\.skops in"):
        read_fitted(tmp_path / "model")


def test_a_model_that_is_no_skops_file_is_refused(tmp_path: Path) -> None:
    write_fitted(tmp_path / "m", Fitted(DummyRegressor(), DESCRIPTION_))
    (tmp_path / "m" / MODEL).write_bytes(b"\x80\x04pickle")
    with pytest.raises(InvalidBundle, match="cannot be read as a skops model"):
        read_fitted(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"task": "ranking"}, "task: Input should be", id="an unknown task"),
        pytest.param({"format": "v0"}, "format: Input should be", id="another format"),
        pytest.param({"rows": "many"}, "rows: Input should be", id="a text for a count"),
        pytest.param({"inputs": [{"name": "x"}]}, "inputs.0.type", id="an input without a type"),
    ],
)
def test_a_broken_description_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    write_fitted(tmp_path / "m", Fitted(DummyRegressor(), DESCRIPTION_))
    file = tmp_path / "m" / DESCRIPTION
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(InvalidBundle, match=says):
        read_fitted(tmp_path / "m")
