"""From what a request says about a flight to what the model reads.

The one place where these inputs are computed: training calls it on the data set, the model server
on each request, so both see the same numbers. The serving image has no pandas, so this module
imports the standard library and `headrace.serving` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from headrace.errors import InvalidInput
from headrace.serving.signature import Column

AIRPORT_ZONE = ZoneInfo("America/New_York")
"""Where all three origins are; delays follow the clock on their walls."""

SCHEDULED = "scheduled"
"""The request's column with the scheduled departure, an ISO 8601 instant."""

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
"""Weather at the origin in the hour of departure; null where the station reported nothing.
Degrees Fahrenheit, per cent, miles per hour, inches, millibars and miles."""

REQUEST_COLUMNS = (
    Column("carrier", "string"),
    Column("origin", "string"),
    Column("dest", "string"),
    Column("distance", "number"),
    Column(SCHEDULED, "string"),
    *(Column(name, "number", nullable=True) for name in WEATHER),
)
"""What is known about a flight at its scheduled departure."""


def compute_features(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Compute the model's inputs from the columns of a request.

    Args:
        columns: Equally long columns by name. `scheduled` holds the scheduled departure as
            ISO 8601 text with an offset or `Z`; the others pass unchanged.

    Returns:
        The other columns, and in place of `scheduled`: `hour`, the hour of the day in New York
        as a float in [0, 24), 17.5 for half past five; and `weekday`, 0.0 for Monday to 6.0.

    Raises:
        InvalidInput: `scheduled` is missing, or holds something that is no instant.
    """
    if SCHEDULED not in columns:
        raise InvalidInput(
            f"The column {SCHEDULED!r} is missing: it holds the scheduled departure."
        )
    instants = [parse_instant(value) for value in columns[SCHEDULED]]
    local = [instant.astimezone(AIRPORT_ZONE) for instant in instants]
    features = {name: list(values) for name, values in columns.items() if name != SCHEDULED}
    features["hour"] = [moment.hour + moment.minute / 60 for moment in local]
    features["weekday"] = [float(moment.weekday()) for moment in local]
    return features


def parse_instant(value: object) -> datetime:
    """Read one scheduled departure.

    Raises:
        InvalidInput: It is no ISO 8601 instant with an offset.
    """
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidInput(
            f"{SCHEDULED} is {value!r}; expected an ISO 8601 instant with its offset, "
            "for example '2013-07-04T21:30:00Z'."
        )
    return instant
