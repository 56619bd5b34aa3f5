"""What a stored data set looks like: a page with its columns and some of its rows."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import duckdb

from headrace.training.data.ingest import MEMORY
from headrace.training.data.location import literal
from headrace.training.data.table import Table
from headrace.training.page import render_page

BINS = 24
SAMPLE_ROWS = 15
TOP = 4
SEED = 7


@dataclass(frozen=True)
class Bar:
    """One bar of a small histogram: its height in per cent of the highest, and what it counts."""

    height: int
    label: str


@dataclass(frozen=True)
class ColumnProfile:
    """What is shown of a column; texts, empty where they do not apply."""

    name: str
    type: str
    missing: str
    different: str
    low: str
    mean: str
    high: str
    bars: tuple[Bar, ...] = ()
    top: str = ""


def profile_page(table: Table, source: str) -> str:
    """Describe a stored table in HTML, reading it once per column and never all at once.

    Args:
        table: The data set.
        source: Where it came from.
    """
    with (
        tempfile.TemporaryDirectory(prefix="headrace-profile-") as spill,
        closing(duckdb.connect()) as database,
    ):
        # Counting the values of a text holds each of them once, which may be all of the table.
        database.execute("SET memory_limit=$limit", {"limit": MEMORY})
        database.execute("SET temp_directory=$spill", {"spill": spill})
        database.execute("SET TimeZone='UTC'")
        database.execute("SET enable_progress_bar=false")  # it would be drawn into the task's log
        database.from_parquet(literal(table.path), hive_partitioning=False).create_view("rows")
        described = database.execute("DESCRIBE rows").fetchall()
        columns = [_column(database, row[0], row[1], table.rows) for row in described]
        # A reservoir with a seed: the same table shows the same rows.
        sampled = database.execute(
            f"SELECT * FROM rows USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE ({SEED})"  # noqa: S608
        ).fetchall()
    return render_page(
        "profile.html",
        title="Data profile",
        rows=table.rows,
        digest=table.digest,
        source=source,
        columns=columns,
        sample=[["" if value is None else str(value)[:80] for value in row] for row in sampled],
    )


def _column(database: duckdb.DuckDBPyConnection, name: str, kind: str, rows: int) -> ColumnProfile:
    quoted = '"' + name.replace('"', '""') + '"'
    is_number = kind in ("DOUBLE", "FLOAT") or "INT" in kind
    # NaN and infinity have no place in a mean and in a histogram.
    value = (
        f"CASE WHEN isfinite({quoted}::DOUBLE) THEN {quoted}::DOUBLE END" if is_number else quoted
    )
    mean = f"avg({value})" if is_number else "NULL"
    found = database.execute(
        f"SELECT count({quoted}), approx_count_distinct({quoted}), min({value}), {mean}, "  # noqa: S608
        f"max({value}) FROM rows"
    ).fetchone()
    present, different, low, average, high = found or (0, 0, None, None, None)
    shape: dict[str, Any] = {}
    if is_number and low is not None:
        shape["bars"] = _bars(database, value, low, high)
    elif present:
        shape["top"] = _top(database, quoted, rows)
    return ColumnProfile(
        name=name,
        type=kind.lower(),
        missing=f"{1 - present / rows:.1%}" if rows else "",
        # Counted by a sketch, which may come to more values than there are.
        different=f"about {min(different, present)}" if different > BINS else str(different),
        low=_shown(low),
        mean=_shown(average),
        high=_shown(high),
        **shape,
    )


def _bars(
    database: duckdb.DuckDBPyConnection, value: str, low: float, high: float
) -> tuple[Bar, ...]:
    width = (high - low) / BINS or 1.0
    place = f"least({BINS - 1}, floor(({value} - $low) / $width))::INTEGER"
    counted = dict(
        database.execute(
            f"SELECT {place} AS bin, count(*) FROM rows WHERE {value} IS NOT NULL GROUP BY 1",  # noqa: S608
            {"low": low, "width": width},
        ).fetchall()
    )
    highest = max(counted.values())
    return tuple(
        Bar(
            round(100 * counted.get(bin_, 0) / highest),
            f"from {low + bin_ * width:.4g}: {counted.get(bin_, 0)} rows",
        )
        for bin_ in range(BINS)
    )


def _top(database: duckdb.DuckDBPyConnection, quoted: str, rows: int) -> str:
    counted = database.execute(
        f"SELECT {quoted}, count(*) AS n FROM rows WHERE {quoted} IS NOT NULL "  # noqa: S608
        f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
    ).fetchall()
    if counted[0][1] == 1:
        return "each value once"
    return ", ".join(f"{str(value)[:30]} {count / rows:.1%}" for value, count in counted)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)[:30]
