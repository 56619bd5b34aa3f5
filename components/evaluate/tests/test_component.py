from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.registry import Registry


def run(function: Callable[..., Any], files: Files, folder: Path, **more: Any) -> tuple[bool, Any]:
    metrics = dsl.Metrics(uri=str(folder / "metrics"))
    passed = function(
        model=dsl.Model(uri=str(files.model)),
        holdout=dsl.Dataset(uri=str(files.holdout)),
        evaluation=dsl.Artifact(uri=str(folder / "evaluation")),
        metrics=metrics,
        auc=str(folder / "auc"),
        brier=str(folder / "brier"),
        feature_set="schedule",
        **more,
    )
    document = json.loads((folder / "evaluation").read_text(encoding="utf-8"))
    assert float((folder / "auc").read_text()) == document["scores"]["auc"]
    assert float((folder / "brier").read_text()) == document["scores"]["brier"]
    assert metrics.metadata["auc"] == document["scores"]["auc"]
    assert document["passed"] is passed
    return passed, document


@pytest.mark.parametrize(
    ("minimum_auc", "passed"),
    [
        pytest.param(0.55, True, id="a low floor is reached"),
        pytest.param(0.99, False, id="a high floor is not"),
    ],
)
def test_the_floor_decides(
    component: Callable[..., Any], files: Files, tmp_path: Path, minimum_auc: float, passed: bool
) -> None:
    verdict, document = run(component, files, tmp_path, minimum_auc=minimum_auc)
    assert verdict is passed
    assert document["champion"] is None


def test_the_champion_of_the_registry_is_scored_on_the_same_flights(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    registry = Registry(uri)
    registry.register(files.bundle, files.digest, {}, {}, {})
    registry.promote("flight-delay", "1")
    _, document = run(component, files, tmp_path, registry_uri=uri, model_name="flight-delay")
    assert document["champion"]["rows"] == document["scores"]["rows"]
    assert document["champion"]["brier"] == pytest.approx(document["scores"]["brier"], abs=1e-6)
