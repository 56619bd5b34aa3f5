from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidInput
from headrace.training.data.schema_text import to_yaml
from headrace.training.data.table import read_table
from tests.local.training.tables import schema_of


def run(
    function: Callable[..., Any], files: Files, dataset: Callable[[str], dsl.Dataset], **more: Any
) -> tuple[str, dsl.Dataset, dsl.Dataset]:
    given = {"schema": files.schema, **more}
    data = dsl.Dataset(uri=str(files.data), metadata={"source": "rows=a.csv"})
    train, holdout = dataset("train"), dataset("holdout")
    boundary: str = function(data=data, train=train, holdout=holdout, **given)
    return boundary, train, holdout


def test_both_sides_have_their_metadata(
    component: Callable[..., Any], files: Files, dataset: Callable[[str], dsl.Dataset]
) -> None:
    boundary, train, holdout = run(component, files, dataset, share=0.3)
    assert boundary == ""
    assert (train.metadata["rows"], holdout.metadata["rows"]) == ("350", "150")
    assert train.metadata["source"] == "rows=a.csv"
    assert train.metadata["method"] == "stratified"
    assert train.metadata["digest"] != holdout.metadata["digest"]


def test_the_last_hours_are_held_out(
    component: Callable[..., Any], files: Files, dataset: Callable[[str], dsl.Dataset]
) -> None:
    schema = to_yaml(schema_of("binary", time="when"))
    boundary, train, holdout = run(component, files, dataset, schema=schema, last="50h")
    assert holdout.metadata["rows"] == "50"
    assert read_table(Path(train.path))["when"].max() < boundary
    assert read_table(Path(holdout.path))["when"].min() == boundary


def test_a_leak_fails_the_task(
    component: Callable[..., Any], files: Files, dataset: Callable[[str], dsl.Dataset]
) -> None:
    schema = to_yaml(schema_of("binary", group="who"))
    with pytest.raises(InvalidInput, match="groups on both sides"):
        run(component, files, dataset, schema=schema, method="random")
