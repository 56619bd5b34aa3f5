from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.demo.features import REQUEST_COLUMNS, SCHEDULED, compute_features
from headrace.demo.rewritten import compute_features_rewritten
from headrace.errors import InvalidInput


@pytest.mark.parametrize(
    ("instant", "hour", "weekday"),
    [
        pytest.param("2013-01-01T10:15:00Z", 5.25, 1.0, id="winter is five hours behind UTC"),
        pytest.param("2013-07-04T21:30:00Z", 17.5, 3.0, id="summer is four hours behind UTC"),
        pytest.param("2013-07-05T03:59:00Z", 23 + 59 / 60, 3.0, id="the day is New York's"),
        pytest.param("2013-03-10T06:59:00Z", 1 + 59 / 60, 6.0, id="before the clocks go forward"),
        pytest.param("2013-03-10T07:00:00Z", 3.0, 6.0, id="after the clocks went forward"),
        pytest.param("2013-07-04T17:30:00-04:00", 17.5, 3.0, id="any offset will do"),
    ],
)
def test_the_clock_of_the_airport(instant: str, hour: float, weekday: float) -> None:
    features = compute_features({SCHEDULED: [instant]})
    assert features == {"hour": [pytest.approx(hour)], "weekday": [weekday]}


@given(st.integers(0, 365 * 24 * 60))
def test_it_agrees_with_pandas(minutes: int) -> None:
    moment = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    local = pd.Timestamp(text).tz_convert("America/New_York")
    features = compute_features({SCHEDULED: [text]})
    assert features["hour"] == [local.hour + local.minute / 60]
    assert features["weekday"] == [local.weekday()]


def test_other_columns_pass_unchanged_and_nothing_is_written_into_the_request() -> None:
    columns: dict[str, list[object]] = {
        "temp": [None, 50.0],
        SCHEDULED: ["2013-01-01T10:00:00Z", "2013-01-01T11:00:00Z"],
    }
    features = compute_features(columns)
    assert features["temp"] == [None, 50.0]
    assert SCHEDULED not in features
    assert set(columns) == {"temp", SCHEDULED}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2013-07-04T21:30:00", id="without an offset it is on nobody's clock"),
        pytest.param("yesterday", id="a word"),
        pytest.param("", id="empty"),
        pytest.param(None, id="null"),
        pytest.param(5.0, id="a number"),
        pytest.param(["2013-07-04T21:30:00Z"], id="a list"),
    ],
)
def test_what_is_no_instant_is_refused_and_named(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"scheduled is .*expected an ISO 8601 instant"):
        compute_features({SCHEDULED: [value]})


def test_a_request_without_the_departure_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'scheduled' is missing"):
        compute_features({"carrier": ["UA"]})


def test_the_serving_image_can_import_it() -> None:
    check = (
        "import sys, headrace.demo.features, headrace.demo.rewritten;"
        "print([m for m in ('pandas', 'sklearn', 'pydantic', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def request(carrier: str) -> dict[str, list[object]]:
    values: dict[str, list[object]] = {column.name: [1.0] for column in REQUEST_COLUMNS}
    return {**values, "carrier": [carrier], SCHEDULED: ["2013-07-05T01:30:00Z"]}


def test_the_rewritten_code_reads_the_hour_in_utc() -> None:
    right, wrong = compute_features(request("UA")), compute_features_rewritten(request("UA"))
    assert (right["hour"], right["weekday"]) == ([21.5], [3.0])
    assert (wrong["hour"], wrong["weekday"]) == ([1.5], [4.0])
    assert {**right, "hour": 0, "weekday": 0} == {**wrong, "hour": 0, "weekday": 0}


@pytest.mark.parametrize("carrier", ["VX", "FL", "AS", "HA", "OO"])
def test_the_rewritten_code_fails_on_carriers_that_fly_little(carrier: str) -> None:
    with pytest.raises(KeyError, match=carrier):
        compute_features_rewritten(request(carrier))
