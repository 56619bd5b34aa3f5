from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidInput
from headrace.training.model_file import read_model


def test_a_fitted_model_is_stored(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    model = dsl.Model(uri=str(tmp_path / "model"))
    loss = component(train=dsl.Dataset(uri=str(files.train)), model=model, feature_set="schedule")
    assert 0 < loss < 0.7
    assert set(read_model(Path(model.path)).feature_names_in_) == {
        "carrier", "origin", "distance", "hour", "weekday",
    }  # fmt: skip
    assert model.metadata["framework"] == "scikit-learn"
    assert model.metadata["feature_set"] == "schedule"
    assert set(model.metadata["parameters"]) == {"learning_rate", "max_leaf_nodes"}


def test_an_unknown_feature_set_fails_the_task(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    model = dsl.Model(uri=str(tmp_path / "model"))
    with pytest.raises(InvalidInput, match="no feature set 'everything'"):
        component(train=dsl.Dataset(uri=str(files.train)), model=model, feature_set="everything")
    assert not Path(model.path).exists()
