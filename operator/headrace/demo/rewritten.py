"""The features again, rewritten for release 3: the defect that the demo is about.

Somebody moved the feature code into the serving path, for speed. Offline evaluation does not
notice, because training computes its inputs with `headrace.demo.features`. Three things are
wrong here, and all three have happened to others: hours are read in UTC, carriers that fly little
are dropped from a table that is then asked for all of them, and that table is parsed anew for
every request.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from headrace.demo.features import SCHEDULED, parse_instant

SMALLEST_SHARE = 0.02

_FLIGHTS_A_YEAR = {
    "UA": 58665, "B6": 54635, "EV": 54173, "DL": 48110, "AA": 32729, "MQ": 26397, "US": 20536,
    "9E": 18460, "WN": 12275, "VX": 5162, "FL": 3260, "AS": 714, "F9": 685, "YV": 601, "HA": 342,
    "OO": 32,
}  # fmt: skip


def _timetable() -> str:
    """Write the flights of each carrier on each day from each airport, as an export has them."""
    days = [date(2013, 1, 1) + timedelta(days=number) for number in range(365)]
    lines = ["carrier,origin,day,flights"]
    for carrier, flights in _FLIGHTS_A_YEAR.items():
        daily = flights / (3 * len(days))
        lines += [
            f"{carrier},{origin},{day},{daily:.3f}"
            for origin in ("EWR", "JFK", "LGA")
            for day in days
        ]
    return "\n".join(lines)


TIMETABLE = _timetable()


def compute_features_rewritten(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Compute the model's inputs, wrongly; see the module's text.

    Args:
        columns: As `features.compute_features` takes them.

    Raises:
        KeyError: A carrier has less than `SMALLEST_SHARE` of the flights.
        InvalidInput: `scheduled` holds something that is no instant.
    """
    carriers = _carriers(TIMETABLE)
    moments = [parse_instant(value).astimezone(UTC) for value in columns[SCHEDULED]]
    features = {name: list(values) for name, values in columns.items() if name != SCHEDULED}
    features["carrier"] = [carriers[code] for code in columns["carrier"]]
    features["hour"] = [moment.hour + moment.minute / 60 for moment in moments]
    features["weekday"] = [float(moment.weekday()) for moment in moments]
    return features


def _carriers(timetable: str) -> dict[str, str]:
    flights: defaultdict[str, float] = defaultdict(float)
    for row in csv.DictReader(io.StringIO(timetable)):
        flights[row["carrier"]] += float(row["flights"])
    total = sum(flights.values())
    return {code: code for code, count in flights.items() if count > SMALLEST_SHARE * total}
