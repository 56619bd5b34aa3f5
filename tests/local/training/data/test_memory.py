"""Millions of rows go by in bounded memory: a process of its own tells its peak."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROWS = 10_000_000

PROGRAM = """
import resource, sys
from pathlib import Path
from headrace.training.data.ingest import ingest

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = ingest(Path(sys.argv[2]), {"rows": sys.argv[1]}, "SELECT * FROM rows WHERE number % 2 = 0")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.table.rows, (peak - before) // 1024)
"""

PROFILE = """
import resource, sys
from pathlib import Path
from headrace.training.data.profile import profile_page
from headrace.training.data.table import Table

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
page = profile_page(Table(Path(sys.argv[1]), int(sys.argv[2]), ""), "")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(page.count("each value once"), (peak - before) // 1024)
"""


@pytest.mark.timeout(900)
def test_texts_that_never_repeat_are_profiled_in_less_memory_than_they_take(tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    rows = 6_000_000
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT repeat('text', 25) || range AS name FROM range({rows})) TO '{source}'"
        )
    command = [sys.executable, "-c", PROFILE, str(source), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    once, megabytes = map(int, done.stdout.split())
    assert once == 1
    assert megabytes < 700


@pytest.mark.timeout(900)
def test_ten_million_rows_need_less_memory_than_they_take(tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT range AS number, range / 7 AS share, 'text ' || range AS name "
            f"FROM range({ROWS})) TO '{source}'"
        )
    command = [sys.executable, "-c", PROGRAM, str(source), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, megabytes = map(int, done.stdout.split())
    assert rows == ROWS // 2
    # DuckDB's own limit, and what one batch takes on its way to the file.
    assert megabytes < 900
