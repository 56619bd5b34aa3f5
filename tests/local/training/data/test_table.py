from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidData
from headrace.training.data.table import (
    ContentDigest,
    describe_table,
    read_batches,
    read_table,
    write_batches,
    write_table,
)

ROWS = pa.table(
    {
        "whole": pa.array([1, None, 3], pa.int32()),
        "number": pa.array([0.5, float("nan"), None]),
        "text": ["a", None, "ü"],
        "yes": [True, None, False],
        "when": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None, None], pa.timestamp("ms", "UTC")),
        "nothing": pa.nulls(3),
    }
)


def digest_of(table: pa.Table, batch: int = 2) -> str:
    digest = ContentDigest(table.schema)
    for each in table.to_batches(batch):
        digest.add(each)
    return digest.result()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ROWS, id="other batches"),
        pytest.param(ROWS.set_column(0, "whole", ROWS["whole"].cast(pa.int64())), id="wider"),
        pytest.param(
            ROWS.set_column(1, "number", pa.array([0.5, None, float("nan")])), id="NaN for null"
        ),
        pytest.param(ROWS.set_column(1, "number", ROWS["number"].cast(pa.float32())), id="float32"),
        pytest.param(ROWS.set_column(2, "text", ROWS["text"].cast(pa.large_string())), id="large"),
        pytest.param(
            ROWS.set_column(4, "when", ROWS["when"].cast(pa.timestamp("us", "UTC"))), id="finer"
        ),
        pytest.param(ROWS.replace_schema_metadata({"writer": "another"}), id="metadata"),
    ],
)
def test_the_same_content_has_the_same_digest(other: pa.Table) -> None:
    assert digest_of(other, 1) == digest_of(ROWS, 3)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ROWS.take([0, 2, 1]), id="other order"),
        pytest.param(ROWS.slice(0, 2), id="a row less"),
        pytest.param(ROWS.rename_columns(["w", *ROWS.column_names[1:]]), id="another name"),
        pytest.param(ROWS.set_column(2, "text", pa.array(["au", None, ""])), id="cut elsewhere"),
        pytest.param(ROWS.set_column(0, "whole", pa.array([1, 0, 3])), id="zero for null"),
        pytest.param(ROWS.set_column(0, "whole", pa.array([1.0, None, 3.0])), id="another kind"),
    ],
)
def test_other_content_has_another_digest(other: pa.Table) -> None:
    assert digest_of(other) != digest_of(ROWS)


def test_minus_zero_is_zero() -> None:
    assert digest_of(pa.table({"x": [-0.0]})) == digest_of(pa.table({"x": [0.0]}))


def test_the_digest_is_the_same_on_every_machine() -> None:
    found = digest_of(pa.table({"x": [1, 2], "t": ["a", None]}))
    assert found == "sha256:27d2304de0f42187ef2b3b3ef071f223a298a0559b76c2c41c3f91d0fb1a994e"


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.text()), min_size=1))
def test_what_is_stored_is_described_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str | None]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "rows"
    table = pa.table({"x": [x for x, _ in rows], "t": pa.array([t for _, t in rows], pa.string())})
    stored = write_batches(path, table.schema, table.to_batches(3))
    assert describe_table(path) == stored
    assert stored.rows == len(rows)
    assert pq.read_table(path).equals(table)
    assert stored.metadata() == {"rows": str(len(rows)), "digest": stored.digest}


def test_decimals_and_dictionaries_are_stored_plainly(tmp_path: Path) -> None:
    table = pa.table({"d": [Decimal("1.5")], "c": pa.array(["a"]).dictionary_encode()})
    write_batches(tmp_path / "t", table.schema, table.to_batches())
    read = read_table(tmp_path / "t")
    assert read.to_dict("list") == {"d": [1.5], "c": ["a"]}


def test_rows_are_read_in_parts(tmp_path: Path) -> None:
    write_table(tmp_path / "t", pd.DataFrame({"x": np.arange(10), "y": 1}))
    batches = list(read_batches(tmp_path / "t", ["x"], rows=4))
    assert [batch.num_rows for batch in batches] == [4, 4, 2]
    assert batches[0].schema.names == ["x"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param({"x": [[1], [2]]}, "column x is of type list", id="lists"),
        pytest.param({"x": [1, "a"]}, "cannot be stored", id="numbers and texts"),
        pytest.param({"x": [2**70]}, "cannot be stored", id="a number of 70 bits"),
        pytest.param({"x": [1j]}, "cannot be stored", id="complex numbers"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, rows: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        write_table(tmp_path / "t", pd.DataFrame(rows))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    table = pa.table([[1], [2]], names=["x", "x"])
    with pytest.raises(InvalidData, match="columns x are there twice"):
        write_batches(tmp_path / "t", table.schema, table.to_batches())
    with pytest.raises(InvalidData, match="cannot be stored: Duplicate column"):
        write_table(tmp_path / "t", pd.DataFrame([[1, 2]], columns=["x", "x"]))
    pq.write_table(table, tmp_path / "foreign")
    with pytest.raises(InvalidData, match="columns x are there twice"):
        read_table(tmp_path / "foreign")


def test_a_file_that_is_damaged_or_holds_no_text_is_refused(tmp_path: Path) -> None:
    texts = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    pq.write_table(pa.table({"x": texts}), tmp_path / "text")
    pq.write_table(pa.table({"x": np.arange(1000)}), tmp_path / "damaged")
    damaged = bytearray((tmp_path / "damaged").read_bytes())
    damaged[4:40] = b"\xff" * 36
    (tmp_path / "damaged").write_bytes(damaged)
    for name in ("text", "damaged"):
        for read in (read_table, describe_table):
            with pytest.raises(InvalidData, match=f"{name} cannot be read as Parquet"):
                read(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", None], ids=["empty", "CSV", "no file"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "t").write_bytes(content)
    with pytest.raises(InvalidData, match="cannot be read as Parquet"):
        read_table(tmp_path / "t")


def test_nested_values_of_another_program_are_refused_where_they_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "y": [[1]]}), tmp_path / "t")
    assert read_table(tmp_path / "t", ["x"])["x"].tolist() == [1]
    for columns in (None, ["y"]):
        with pytest.raises(InvalidData, match="column y is of type list"):
            read_table(tmp_path / "t", columns)
        with pytest.raises(InvalidData, match="column y is of type list"):
            list(read_batches(tmp_path / "t", columns))


@pytest.mark.parametrize("second", [1_770_000_000_000, -(10**12)], ids=["later", "earlier"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_an_instant_that_no_calendar_has_is_refused(tmp_path: Path, second: int, unit: str) -> None:
    moments = pa.array([None, second], pa.timestamp("s", "UTC")).cast(pa.timestamp(unit, "UTC"))
    pq.write_table(pa.table({"t": moments}), tmp_path / "t")
    for read in (read_table, describe_table):
        with pytest.raises(InvalidData, match="instant in t before the year 1 or after 9999"):
            read(tmp_path / "t")


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    write_table(tmp_path / "t", pd.DataFrame({"x": [1]}))
    with pytest.raises(InvalidData, match="lacks the columns y; it has x"):
        read_table(tmp_path / "t", ["x", "y"])
