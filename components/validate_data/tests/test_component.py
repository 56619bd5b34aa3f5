from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidData, InvalidInput
from headrace.training.data.table import read_table, write_table


def run(
    function: Callable[..., Any], files: Files, folder: Path, data: Path | None = None, **more: Any
) -> bool:
    folder.mkdir(exist_ok=True)
    passed: bool = function(
        data=dsl.Dataset(uri=str(data or files.data)),
        schema=files.schema,
        report=dsl.Artifact(uri=str(folder / "report")),
        page=dsl.HTML(uri=str(folder / "page")),
        **more,
    )
    return passed


def shifted(files: Files, folder: Path) -> Path:
    rows = read_table(files.data)
    return write_table(folder / "shifted", rows.assign(size=rows["size"] + 3)).path


def broken(files: Files, folder: Path) -> Path:
    return write_table(folder / "broken", read_table(files.data).assign(kind=7)).path


def test_good_rows_pass(component: Callable[..., Any], files: Files, tmp_path: Path) -> None:
    assert run(component, files, tmp_path)
    document = json.loads((tmp_path / "report").read_text(encoding="utf-8"))
    assert (document["passed"], document["rows"]) == (True, 500)
    assert [each["where"] for each in document["violations"]] == ["noise"]  # tolerated
    assert "as it must be" in (tmp_path / "page").read_text(encoding="utf-8")


def test_broken_rows_stop_the_task_after_the_report_is_written(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    with pytest.raises(InvalidData, match="kind: no text in 500 rows"):
        run(component, files, tmp_path, broken(files, tmp_path))
    assert not json.loads((tmp_path / "report").read_text(encoding="utf-8"))["passed"]
    assert "refused" in (tmp_path / "page").read_text(encoding="utf-8")


def test_broken_rows_may_be_marked_instead(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    assert run(component, files, tmp_path, broken(files, tmp_path), on_violation="mark") is False
    with pytest.raises(InvalidInput, match="on_violation is 'ignore'"):
        run(component, files, tmp_path, on_violation="ignore")


@pytest.mark.parametrize("of", ["report", "rows"])
def test_drift_is_judged_by_the_last_report_or_the_last_rows(
    component: Callable[..., Any], files: Files, tmp_path: Path, of: str
) -> None:
    run(component, files, tmp_path / "before")
    earlier = tmp_path / "before" / "report" if of == "report" else files.data
    assert run(component, files, tmp_path, previous=earlier.as_uri())
    with pytest.raises(InvalidData, match="size: drift of"):
        run(component, files, tmp_path, shifted(files, tmp_path), previous=str(earlier))
    assert run(
        component, files, tmp_path, shifted(files, tmp_path), previous=str(earlier), drift_limit=99
    )
