from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headrace.errors import InvalidBundle
from headrace.serving.signature import Column
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, make

COLUMNS = (Column("distance", "number", nullable=True), Column("minute", "number"))


def test_a_bundle_is_tried_and_shown(component: Callable[..., Any], tmp_path: Path) -> None:
    estimator = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    changes: dict[str, Any] = {"inputs": COLUMNS, "request_columns": COLUMNS, "features": ""}
    model = make(tmp_path, "binary", estimator, **changes)
    bundle = tmp_path / "bundle"
    package(bundle, Release("flights", "1"), model.path, model.train, model.holdout, EVALUATION)
    model.holdout.to_parquet(tmp_path / "holdout", index=False)
    page = dsl.HTML(uri=str(tmp_path / "page.html"))
    found = dsl.Artifact(uri=str(tmp_path / "found.json"))
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    arguments: dict[str, Any] = {
        "bundle": dsl.Model(uri=str(bundle)),
        "holdout": dsl.Dataset(uri=str(tmp_path / "holdout")),
        "page": page,
        "found": found,
        "metrics": metrics,
        "levels": "1,2",
        "seconds": 1.0,
        "largest_failed": 0.05,
        "least_throughput": 1e6,
    }
    with pytest.raises(InvalidBundle, match="throughput and latency: no level does"):
        component(**arguments)
    assert component(**{**arguments, "must_pass": False}) is False
    document = json.loads(Path(found.path).read_text("utf-8"))
    assert [each["name"] for each in document["findings"] if not each["passed"]] == [
        "throughput and latency"
    ]
    assert metrics.metadata["passed"] == 0.0
    assert metrics.metadata["knee_throughput"] > 0
    assert "The knee is at" in Path(page.path).read_text("utf-8")
