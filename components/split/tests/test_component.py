from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from kfp import dsl

from components.conftest import Files


def test_the_holdout_is_the_last_days(
    component: Callable[..., Any], files: Files, dataset: Callable[[str], dsl.Dataset]
) -> None:
    train, holdout = dataset("train"), dataset("holdout")
    boundary = component(
        flights=dsl.Dataset(uri=str(files.flights)), train=train, holdout=holdout, holdout_days=10
    )
    before, after = pd.read_parquet(train.path), pd.read_parquet(holdout.path)
    assert before["scheduled"].max() < boundary <= after["scheduled"].min()
    assert len(before) + len(after) == 3000
    assert (train.metadata["rows"], holdout.metadata["rows"]) == (str(len(before)), str(len(after)))
