"""Instants and durations as people write them on the command line."""

from __future__ import annotations

import math

import click

from headrace.api.fields import parse_duration, parse_instant


class Instant(click.ParamType[float]):
    """RFC 3339, as `2026-11-21T12:30:00Z`, or Unix seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give Unix seconds."""
        if isinstance(value, float):
            return value
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        try:
            if math.isfinite(seconds):
                return seconds
            return parse_instant(value)
        except ValueError:
            self.fail(f"{value!r} is no time; expected 2026-11-21T12:30:00Z or Unix seconds")


INSTANT = Instant()


class Duration(click.ParamType[float]):
    """As in a ModelRollout: `90s`, `10m`, `1h30m`, `7d`."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give seconds."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error))


DURATION = Duration()
