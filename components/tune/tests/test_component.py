from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidInput
from headrace.training.model.fitted import read_fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.task import run


def test_the_best_model_is_handed_on(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    models, scores = [], []
    for strength in (1e-6, 1.0):
        place = tmp_path / str(strength)
        recipe = Recipe(estimator="linear", parameters={"C": strength}, folds=1)
        scores.append(run(files.train, files.schema, recipe, place).score)
        models.append(dsl.Model(uri=str(place)))
    model = dsl.Model(uri=str(tmp_path / "model"))
    score = component(models=models, model=model, table=dsl.HTML(uri=str(tmp_path / "table")))
    assert score == max(scores) == scores[1]
    assert read_fitted(Path(model.path)).description.parameters == {"C": 1.0}
    assert model.metadata["parameters"] == "C=1.0"
    assert "2 combinations" in (tmp_path / "table").read_text(encoding="utf-8")


def test_an_empty_fan_out_fails_the_task(component: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no models"):
        component(
            models=[],
            model=dsl.Model(uri=str(tmp_path / "model")),
            table=dsl.HTML(uri=str(tmp_path / "table")),
        )
