from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kfp import dsl

from headrace.errors import InvalidInput
from headrace.training.flights import COLUMNS


def test_a_week_of_flights(
    component: Callable[..., Any], dataset: Callable[[str], dsl.Dataset]
) -> None:
    flights = dataset("flights")
    count = component(train_from="2013-07-01", train_until="2013-07-08", flights=flights)
    rows = pd.read_parquet(flights.path)
    assert tuple(rows.columns) == COLUMNS
    assert len(rows) == count
    # Counts are texts, because KFP would turn them into floats.
    assert flights.metadata["rows"] == str(count)
    assert int(flights.metadata["cancelled"]) > 0
    assert flights.metadata["source_digest"].startswith("sha256:")


def test_a_second_run_writes_the_same_bytes(component: Callable[..., Any], tmp_path: Path) -> None:
    files = [dsl.Dataset(uri=str(tmp_path / name)) for name in "ab"]
    for file in files:
        component(train_from="2013-07-01", train_until="2013-07-02", flights=file)
    first, second = (Path(file.path).read_bytes() for file in files)
    assert first == second


def test_a_window_that_is_none_fails_the_task(
    component: Callable[..., Any], dataset: Callable[[str], dsl.Dataset]
) -> None:
    with pytest.raises(InvalidInput, match="holds no day"):
        component(train_from="2013-07-08", train_until="2013-07-01", flights=dataset("flights"))
