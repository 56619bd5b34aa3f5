from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.registry import Registry
from headrace.training.data.schema import Task
from headrace.training.data.schema_text import to_yaml
from headrace.training.data.table import write_table
from headrace.training.model.recipe import Recipe
from headrace.training.model.task import run as fit
from tests.local.training.tables import TASKS, rows_of, schema_of


def run(
    function: Callable[..., Any], files: Files, folder: Path, **more: Any
) -> tuple[bool, dict[str, Any], dsl.Metrics, dsl.ClassificationMetrics]:
    metrics = dsl.Metrics(uri=str(folder / "metrics"))
    classification = dsl.ClassificationMetrics(uri=str(folder / "classification"))
    given = {
        "model": dsl.Model(uri=str(files.model)),
        "holdout": dsl.Dataset(uri=str(files.holdout)),
        "schema": files.schema,
        "resamples": 10,
        **more,
    }
    passed = function(
        evaluation=dsl.Artifact(uri=str(folder / "evaluation")),
        metrics=metrics,
        classification=classification,
        page=dsl.HTML(uri=str(folder / "page")),
        headline=str(folder / "headline"),
        **given,
    )
    document = json.loads((folder / "evaluation").read_text(encoding="utf-8"))
    assert document["passed"] is passed
    return passed, document, metrics, classification


@pytest.mark.parametrize(
    ("gates", "passed"),
    [
        pytest.param("", True, id="no gates"),
        pytest.param("auc >= 0.6", True, id="a low floor is reached"),
        pytest.param("auc >= 0.999", False, id="a high floor is not"),
    ],
)
def test_the_gates_decide(
    component: Callable[..., Any], files: Files, tmp_path: Path, gates: str, passed: bool
) -> None:
    verdict, document, metrics, classification = run(component, files, tmp_path, gates=gates)
    assert verdict is passed
    assert document["champion"] is None
    assert metrics.metadata["auc"] == document["scores"]["auc"]["value"]
    assert classification.metadata["confusionMatrix"]["annotationSpecs"] == [
        {"displayName": "no"},
        {"displayName": "yes"},
    ]
    assert len(classification.metadata["confidenceMetrics"]) > 2
    assert float((tmp_path / "headline").read_text()) == document["scores"]["log_loss"]["value"]
    json.dumps([metrics.metadata, classification.metadata], allow_nan=False)


def test_the_champion_of_the_registry_is_scored_on_the_same_rows(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    registry = Registry(uri)
    registry.register(files.bundle, files.digest, {}, {}, {})
    registry.promote("flight-delay", "1")
    _, document, _, _ = run(
        component, files, tmp_path, registry_uri=uri, model_name="flight-delay", segments=["kind"]
    )
    theirs = document["champion"]
    assert theirs["name"] == "flight-delay 1"
    assert theirs["scores"]["brier"] == pytest.approx(
        document["scores"]["brier"]["value"], abs=1e-6
    )
    assert theirs["p_worse"] > 0.01
    assert document["worst_segment"]["column"] == "kind"
    assert "flight-delay 1" in (tmp_path / "page").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_evaluated(
    component: Callable[..., Any], files: Files, tmp_path: Path, task: Task
) -> None:
    schema = to_yaml(schema_of(task))
    write_table(tmp_path / "train", rows_of(task))
    write_table(tmp_path / "holdout", rows_of(task, seed=1))
    fit(tmp_path / "train", schema, Recipe(estimator="tree", folds=1), tmp_path / "model")
    _, document, metrics, classification = run(
        component, files, tmp_path,
        model=dsl.Model(uri=str(tmp_path / "model")),
        holdout=dsl.Dataset(uri=str(tmp_path / "holdout")), schema=schema,
    )  # fmt: skip
    assert document["task"] == task
    assert set(metrics.metadata) == set(document["scores"])
    assert ("confidenceMetrics" in classification.metadata) is (task == "binary")
    assert ("confusionMatrix" in classification.metadata) is (task != "regression")
