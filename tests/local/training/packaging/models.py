"""Small real models of each task, with what packaging needs of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from headrace.serving.signature import Column
from headrace.training.data.schema import Task
from headrace.training.model.columns import frame_of, inputs_of, request_of
from headrace.training.model.fitted import Description, Fitted, write_fitted

REQUEST = (
    Column("distance", "number", nullable=True),
    Column("minute", "number"),
    Column("carrier", "string", nullable=True),
)
INPUTS = (
    Column("distance", "number", nullable=True),
    Column("hour", "number"),
    Column("carrier", "string", nullable=True),
)
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
FEATURES = f"{__name__}:hours"
DIGEST = "sha256:" + "d" * 64
EVALUATION: dict[str, Any] = {
    "format": "headrace.dev/evaluation/v1",
    "scores": {"auc": {"value": 0.91, "low": 0.88, "high": 0.93}},
    "segments": [],
    "champion": None,
    "gates": [],
    "passed": True,
}


def hours(columns: Any) -> Any:
    """Compute the model's inputs, as the model server does."""
    return {**columns, "hour": [minute / 60 for minute in columns["minute"]]}


def rows_of(task: Task, count: int = 400, seed: int = 0) -> pd.DataFrame:
    """Make rows whose answer depends on all three columns."""
    random = np.random.default_rng(seed)
    distance = random.uniform(100, 2500, count).round()
    minute = random.integers(0, 1440, count)
    carrier = random.choice(["AA", "UA", "DL"], count, p=[0.5, 0.3, 0.2])
    score = distance / 1000 + minute / 600 + (carrier == "AA") + random.normal(0, 0.3, count)
    distance[random.random(count) < 0.05] = np.nan
    names: list[str | None] = list(carrier)
    names[3] = None
    answer: Any = score
    if task == "binary":
        answer = (score > np.median(score)).astype("int64")
    elif task == "multiclass":
        answer = np.array(["early", "late", "very late"])[np.digitize(score, [2.0, 3.5])]
    return pd.DataFrame(
        {"distance": distance, "minute": minute, "carrier": names, "answer": answer}
    )


def estimator_of(task: Task) -> Any:
    """Give an estimator that is not fitted yet."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encode = ColumnTransformer(
        [
            ("numbers", numbers, ["distance", "hour"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
        ]
    )
    model = Ridge() if task == "regression" else LogisticRegression()
    return Pipeline([("encode", encode), ("model", model)])


@dataclass(frozen=True)
class Made:
    """A fitted model on the disk, and its rows."""

    task: Task
    path: Path
    fitted: Fitted
    train: pd.DataFrame
    holdout: pd.DataFrame


def make(folder: Path, task: Task, estimator: Any = None, **changes: Any) -> Made:
    """Fit a model and store it."""
    train, holdout = rows_of(task, seed=1), rows_of(task, 300, seed=2)
    estimator = estimator_of(task) if estimator is None else estimator
    values: dict[str, Any] = {
        "task": task,
        "target": "answer",
        "positive": "1" if task == "binary" else "",
        "classes": ("0", "1") if task == "binary" else (),
        "inputs": INPUTS,
        "request_columns": REQUEST,
        "features": FEATURES,
        "estimator": f"sklearn.linear_model.{type(estimator[-1]).__name__}",
        "parameters": {"C": 1.0},
        "seed": 7,
        "data_digest": DIGEST,
        "rows": len(train),
        "first": "2026-01-01T00:00:00Z",
        "last": "2026-06-30T23:59:00Z",
        "run": "0123456789abcdef",
        "software": {"scikit-learn": "1.9.0", "numpy": "2.0"},
        "code_commit": "c" * 40,
    }
    inputs = changes.get("inputs", INPUTS)
    request = request_of(train, changes.get("request_columns", REQUEST))
    frame = frame_of(inputs_of(request, changes.get("features", FEATURES), inputs), inputs)
    estimator.fit(frame, train["answer"].to_numpy())
    if task == "multiclass":
        values["classes"] = tuple(map(str, estimator.classes_))
    fitted = Fitted(estimator, Description(**(values | changes)))
    write_fitted(folder / "fitted", fitted)
    return Made(task, folder / "fitted", fitted, train, holdout)
