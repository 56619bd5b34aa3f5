from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidInput
from headrace.registry import Registry
from headrace.training.data.table import describe_table
from headrace.training.model.fitted import read_fitted
from headrace.training.model.trials import read_trials


def run(
    function: Callable[..., Any], files: Files, folder: Path, **more: Any
) -> tuple[float, dsl.Model]:
    model = dsl.Model(uri=str(folder / "model"))
    score: float = function(
        train=dsl.Dataset(uri=str(files.train)),
        schema=files.schema,
        model=model,
        table=dsl.HTML(uri=str(folder / "table")),
        **{"estimator": "linear", "folds": 1, **more},
    )
    return score, model


def test_a_fitted_model_is_stored_with_its_trials(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    score, model = run(component, files, tmp_path, search={"C": [0.01, 1.0]}, seed=3)
    description = read_fitted(Path(model.path)).description
    assert description.data_digest == describe_table(files.train).digest
    assert (description.rows, description.seed) == (400, 3)
    table = read_trials(Path(model.path))
    assert max(t.score for t in table.trials if t.score is not None) == score
    assert model.metadata["framework"] == "scikit-learn"
    assert model.metadata["task"] == "binary"
    assert model.metadata["rows"] == "400"
    assert model.metadata["parameters"].startswith("C=")
    assert "2 combinations" in (tmp_path / "table").read_text(encoding="utf-8")


@pytest.mark.parametrize("more", [{"balanced": True}, {"class_weight": {"no": 1, "yes": 3}}])
def test_labels_may_count_differently(
    component: Callable[..., Any], files: Files, tmp_path: Path, more: dict[str, Any]
) -> None:
    assert run(component, files, tmp_path, **more)[0] != run(component, files, tmp_path)[0]


def test_a_run_is_tracked_where_a_registry_is_given(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    _, model = run(component, files, tmp_path, registry_uri=uri, model_name="delay")
    run_id = read_fitted(Path(model.path)).description.run
    assert run_id == model.metadata["run"] != ""
    assert Registry(uri)._client.get_run(run_id).info.run_name == "train delay"


def test_an_unknown_estimator_fails_the_task(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="no estimator 'magic'"):
        run(component, files, tmp_path, estimator="magic")
    assert not (tmp_path / "model").exists()
