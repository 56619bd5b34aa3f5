from __future__ import annotations

import pandas as pd
import pytest

from headrace.errors import InvalidData, InvalidInput
from headrace.training.flights import (
    COLUMNS,
    FEATURE_SETS,
    REQUEST,
    TARGET,
    feature_set,
    join_weather,
)

FLIGHT = {
    "carrier": "UA",
    "flight": 1545,
    "origin": "EWR",
    "dest": "IAH",
    "distance": 1400,
    "minute": 15,
    "time_hour": "2013-01-01T10:00:00Z",
    "arr_delay": 11.0,
    "dep_delay": 99.0,
    "tailnum": "N14228",
}
WEATHER = {
    "origin": "EWR",
    "time_hour": "2013-01-01T10:00:00Z",
    "temp": 39.0,
    "dewp": 28.0,
    "humid": 64.4,
    "wind_speed": 12.7,
    "precip": 0.0,
    "pressure": 1011.9,
    "visib": 10.0,
}


def joined(flights: list[dict[str, object]], weather: list[dict[str, object]]) -> pd.DataFrame:
    return join_weather(pd.DataFrame(flights), pd.DataFrame(weather)).rows


def test_a_row_is_the_request_the_number_and_the_answer_and_nothing_that_came_later() -> None:
    rows = joined([FLIGHT], [WEATHER])
    assert tuple(rows.columns) == COLUMNS
    assert not {"dep_delay", "arr_delay", "tailnum", "dep_time"} & set(rows.columns)
    assert rows.iloc[0].to_dict() == {
        **{name: {**FLIGHT, **WEATHER}.get(name) for name in REQUEST},
        "scheduled": "2013-01-01T10:15:00Z",
        "flight": 1545,
        TARGET: 0,
    }


@pytest.mark.parametrize(
    ("delay", "late"),
    [
        pytest.param(15.0, 0, id="a quarter of an hour is not late"),
        pytest.param(16.0, 1, id="a minute more is late"),
        pytest.param(-30.0, 0, id="early is not late"),
    ],
)
def test_what_counts_as_late(delay: float, late: int) -> None:
    assert joined([{**FLIGHT, "arr_delay": delay}], [WEATHER])[TARGET].tolist() == [late]


def test_flights_that_never_arrived_are_left_out_and_counted() -> None:
    flights = pd.DataFrame([FLIGHT, {**FLIGHT, "flight": 2, "arr_delay": float("nan")}])
    result = join_weather(flights, pd.DataFrame([WEATHER]))
    assert (len(result.rows), result.cancelled) == (1, 1)


def test_a_flight_without_weather_stays() -> None:
    rows = joined([FLIGHT], [{**WEATHER, "origin": "JFK"}])
    assert rows[["temp", "visib"]].isna().all(axis=None)


def test_rows_are_in_the_order_of_departure() -> None:
    rows = joined([{**FLIGHT, "minute": 50}, {**FLIGHT, "minute": 5}], [WEATHER])
    assert rows["scheduled"].is_monotonic_increasing


def test_an_hour_with_two_rows_of_weather_would_double_flights_and_is_refused() -> None:
    with pytest.raises(InvalidData, match="1 hours twice"):
        joined([FLIGHT], [WEATHER, WEATHER])


def test_missing_columns_are_named() -> None:
    with pytest.raises(InvalidData, match="flights lack the columns arr_delay, minute"):
        joined([{k: v for k, v in FLIGHT.items() if k not in ("arr_delay", "minute")}], [WEATHER])


def test_no_feature_set_reads_the_answer() -> None:
    inputs = {column.name for each in FEATURE_SETS.values() for column in each.inputs}
    assert inputs <= {*REQUEST, "hour", "weekday"}
    assert not inputs & {TARGET, "flight"}


def test_an_unknown_feature_set_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidInput, match="'weather'; expected one of: schedule, schedule-and-w"):
        feature_set("weather")
