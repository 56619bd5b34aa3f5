"""Writes flights as live requests, in the order of their departure, with how they ended.

Run as a process (`python -m headrace.demo.replay DIRECTORY`), because reading the data set takes
seconds of one core that the controller should not wait for.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

from headrace.demo.releases import RELEASES
from headrace.training.flights import TARGET
from headrace.training.ingest import read_flights, source_directory
from headrace.training.package import requests
from headrace.training.window import Window

DAYS = 14


def replay_file(directory: Path, version: str) -> Path:
    """Name the file of the requests that are sent during a release."""
    return directory / f"requests-{version}.jsonl"


def write_replays(directory: Path) -> None:
    """Write one file per release: the flights that follow its data, `DAYS` days of them."""
    directory.mkdir(parents=True, exist_ok=True)
    source = source_directory()
    for release in RELEASES:
        first = date.fromisoformat(release.replay_from)
        rows = read_flights(source, Window(first, first + timedelta(days=DAYS))).rows
        labels = rows[TARGET].astype(int).tolist()
        with replay_file(directory, release.version).open("w", encoding="utf-8") as file:
            for request, label in zip(requests(rows), labels, strict=True):
                file.write(json.dumps({"request": request, "label": label}) + "\n")


if __name__ == "__main__":
    write_replays(Path(sys.argv[1]))
