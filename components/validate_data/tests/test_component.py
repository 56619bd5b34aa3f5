from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidData


def test_good_flights_pass_and_what_was_tolerated_is_counted(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    report = dsl.Artifact(uri=str(tmp_path / "report"))
    assert component(flights=dsl.Dataset(uri=str(files.flights)), report=report) == 1
    document = json.loads(Path(report.path).read_text(encoding="utf-8"))
    assert document["rows"] == 3000
    assert [each["where"] for each in document["violations"]] == ["pressure"]


def test_bad_flights_fail_the_task_after_the_report_is_written(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    pd.read_parquet(files.flights).assign(distance=-1).to_parquet(tmp_path / "bad")
    report = dsl.Artifact(uri=str(tmp_path / "report"))
    with pytest.raises(InvalidData, match="distance: not between 10 and 6000 in 3000 rows"):
        component(flights=dsl.Dataset(uri=str(tmp_path / "bad")), report=report)
    document = json.loads(Path(report.path).read_text(encoding="utf-8"))
    assert "distance" in {each["where"] for each in document["violations"]}
