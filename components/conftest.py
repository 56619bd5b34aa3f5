"""Rows, a model and a bundle in files, as the components before would have written them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from headrace.pipelines.compile import load_definition
from headrace.training.data.schema_text import to_yaml
from headrace.training.data.table import read_table, write_table
from headrace.training.evaluation.evaluate import Criteria, evaluate
from headrace.training.model.fitted import read_fitted
from headrace.training.model.recipe import Recipe
from headrace.training.model.task import run
from headrace.training.packaging.package import Release, package
from tests.local.training.tables import rows_of, schema_of


@dataclass(frozen=True)
class Files:
    """Where things are.

    Attributes:
        schema: The data schema in YAML.
        data: Parquet, 500 made-up rows of a binary task.
        train: The first 400 of them.
        holdout: The last 100.
        model: A model fitted on `train`.
        evaluation: Of that model on `holdout`.
        bundle: That model packaged as flight-delay 1.
        digest: Of the bundle.
    """

    schema: str
    data: Path
    train: Path
    holdout: Path
    model: Path
    evaluation: Path
    bundle: Path
    digest: str


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Write everything once; no test changes it."""
    folder = tmp_path_factory.mktemp("files")
    rows, schema = rows_of("binary", 500), schema_of("binary")
    parts = {"data": rows, "train": rows.head(400), "holdout": rows.tail(100)}
    for name, part in parts.items():
        write_table(folder / name, part)
    recipe = Recipe(estimator="linear", folds=1)
    run(folder / "train", to_yaml(schema), recipe, folder / "model")
    known, unknown = read_table(folder / "train"), read_table(folder / "holdout")
    fitted = read_fitted(folder / "model")
    document = evaluate(fitted, unknown, schema, Criteria(resamples=10)).to_document()
    (folder / "evaluation").write_text(json.dumps(document), encoding="utf-8")
    release = Release("flight-delay", "1")
    packaged = package(folder / "bundle", release, folder / "model", known, unknown, document)
    return Files(
        schema=to_yaml(schema),
        data=folder / "data",
        train=folder / "train",
        holdout=folder / "holdout",
        model=folder / "model",
        evaluation=folder / "evaluation",
        bundle=folder / "bundle",
        digest=packaged.digest,
    )


@pytest.fixture
def component(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Give the function of the component whose tests these are."""
    function: Callable[..., Any] = load_definition(
        request.path.parents[1] / "component.py"
    ).python_func
    return function


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[[str], dsl.Dataset]:
    """Make output artifacts in a directory of the test's own."""

    def make(name: str) -> dsl.Dataset:
        return dsl.Dataset(name=name, uri=str(tmp_path / name))

    return make
