"""Writes flights as live requests, in the order of their departure, with how they ended.

Run as a process (`python -m headrace.demo.replay DIRECTORY`), because reading the data set takes
seconds of one core that the controller should not wait for.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

from headrace.demo.flights import SOURCES, query, schema
from headrace.demo.releases import RELEASES
from headrace.training.data.ingest import ingest
from headrace.training.data.schema_text import parse_schema
from headrace.training.data.table import read_table
from headrace.training.model.columns import request_of

DAYS = 14


def replay_file(directory: Path, version: str) -> Path:
    """Name the file of the requests that are sent during a release."""
    return directory / f"requests-{version}.jsonl"


def write_replays(directory: Path) -> None:
    """Write one file per release: the flights that follow its data, `DAYS` days of them."""
    directory.mkdir(parents=True, exist_ok=True)
    known = parse_schema(schema())
    for release in RELEASES:
        first = date.fromisoformat(release.replay_from)
        window = {"train_from": str(first), "train_until": str(first + timedelta(days=DAYS))}
        target = replay_file(directory, release.version)
        table = target.with_suffix(".parquet")
        ingest(table, SOURCES, query(), window, known)
        rows = read_table(table)
        table.unlink()
        columns = request_of(rows, known.request_columns)
        labels = rows[known.target].tolist()
        with target.open("w", encoding="utf-8") as file:
            for *values, label in zip(*columns.values(), labels, strict=True):
                request = dict(zip(columns, values, strict=True))
                file.write(json.dumps({"request": request, "label": label}) + "\n")


if __name__ == "__main__":
    write_replays(Path(sys.argv[1]))
