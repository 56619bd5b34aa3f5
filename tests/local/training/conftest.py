from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from headrace.training.flights import FeatureSet, feature_set
from headrace.training.sample import sample_flights
from headrace.training.split import Split, split_by_time
from headrace.training.train import Trained, train


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    # OpenMP's threads spin while they wait, which takes ages where another process runs.
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Fitted:
    rows: pd.DataFrame
    split: Split
    features: FeatureSet
    trained: Trained


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    rows = sample_flights(3000)
    split = split_by_time(rows, holdout_days=20)
    features = feature_set("schedule-and-weather")
    return Fitted(rows, split, features, train(split.train, features))
