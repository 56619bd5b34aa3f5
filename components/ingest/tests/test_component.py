from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from components.conftest import Files
from headrace.errors import InvalidData
from headrace.training.data.table import describe_table, read_table


def run(function: Callable[..., Any], folder: Path, **more: Any) -> tuple[int, dsl.Dataset, str]:
    data = dsl.Dataset(uri=str(folder / "data"))
    profile = dsl.HTML(uri=str(folder / "profile"))
    rows: int = function(data=data, profile=profile, **more)
    return rows, data, Path(profile.path).read_text(encoding="utf-8")


def test_rows_of_a_query_are_stored_with_their_digest(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    source = tmp_path / "rows.parquet"
    source.write_bytes(files.data.read_bytes())
    rows, data, page = run(
        component,
        tmp_path,
        sources={"rows": str(source)},
        query="SELECT size, y FROM rows WHERE size > $least",
        parameters={"least": 0},
        schema=files.schema,
    )
    stored = read_table(Path(data.path))
    assert rows == len(stored)
    assert stored["size"].min() > 0
    assert data.metadata == {
        "rows": str(rows),
        "digest": describe_table(Path(data.path)).digest,
        "source": f"rows={source}",
    }
    assert f"{rows} rows, 2 columns" in page


def test_the_digest_is_of_the_content(
    component: Callable[..., Any], files: Files, tmp_path: Path
) -> None:
    frame = read_table(files.data)
    frame.to_parquet(tmp_path / "other.parquet", compression="gzip", row_group_size=7)
    _, data, _ = run(component, tmp_path, sources={"rows": str(tmp_path / "other.parquet")})
    assert data.metadata["digest"] == describe_table(files.data).digest


def test_no_rows_fail_the_task(component: Callable[..., Any], files: Files, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(InvalidData, match="give no rows"):
        run(component, tmp_path, sources={"rows": str(tmp_path / "rows.csv")})
