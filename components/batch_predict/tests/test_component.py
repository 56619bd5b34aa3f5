from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kfp import dsl

from headrace.serving.bundle import digest
from headrace.training.packaging.package import Release, package
from tests.local.training.packaging.models import EVALUATION, make


@pytest.mark.parametrize("durable", [True, False], ids=["in a target", "in the artifact"])
def test_a_table_is_predicted(component: Callable[..., Any], tmp_path: Path, durable: bool) -> None:
    model = make(tmp_path, "regression")
    bundle = tmp_path / "bundle"
    package(bundle, Release("flights", "7"), model.path, model.train, model.holdout, EVALUATION)
    moved = model.holdout.assign(distance=model.holdout["distance"] + 2000)
    moved.to_parquet(tmp_path / "rows", index=False)
    predictions = dsl.Dataset(uri=str(tmp_path / "predictions"))
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    page = dsl.HTML(uri=str(tmp_path / "page.html"))
    target = str(tmp_path / "target") if durable else ""
    drifted = component(
        bundle=dsl.Model(uri=str(bundle)),
        rows=dsl.Dataset(uri=str(tmp_path / "rows")),
        predictions=predictions,
        page=page,
        metrics=metrics,
        target=target,
        keys=["carrier"],
        partition_rows=128,
    )
    assert {"distance", "prediction"} <= set(drifted)
    assert predictions.uri == (target or str(tmp_path / "predictions"))
    assert predictions.metadata["rows"] == "300"
    assert predictions.metadata["digest"] == digest(bundle)
    written = pd.concat([pd.read_parquet(f) for f in Path(predictions.uri).glob("*.parquet")])
    assert list(written.columns) == ["carrier", "prediction", "model_version", "fault"]
    assert len(written) == 300
    assert metrics.metadata["worst_input_psi"] > 0.25
    assert "drifted" in Path(page.path).read_text("utf-8")
