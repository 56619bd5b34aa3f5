"""Flights, a model and a bundle in files, as the components before would have written them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from headrace.pipelines.compile import load_definition
from headrace.training.flights import feature_set
from headrace.training.model_file import write_model
from headrace.training.package import Release, package
from headrace.training.sample import sample_flights
from headrace.training.split import split_by_time
from headrace.training.train import train


@dataclass(frozen=True)
class Files:
    """Where things are.

    Attributes:
        flights: Parquet, 3,000 made-up flights.
        train: The first 40 days of them.
        holdout: The last 20 days.
        model: A model fitted on `train`.
        bundle: That model packaged as flight-delay 1.
        digest: Of the bundle.
    """

    flights: Path
    train: Path
    holdout: Path
    model: Path
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
    rows = sample_flights(3000)
    split = split_by_time(rows, 20)
    for name, part in (("flights", rows), ("train", split.train), ("holdout", split.holdout)):
        part.to_parquet(folder / name, index=False)
    features = feature_set("schedule")
    pipeline = train(split.train, features).pipeline
    write_model(folder / "model", pipeline)
    release = Release("flight-delay", "1", {"feature_set": "schedule"})
    digest = package(folder / "bundle", release, pipeline, features, split.train, split.holdout)
    return Files(
        flights=folder / "flights",
        train=folder / "train",
        holdout=folder / "holdout",
        model=folder / "model",
        bundle=folder / "bundle",
        digest=digest,
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
