"""A span of days on the clock of the New York airports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from headrace.errors import InvalidInput
from headrace.training.features import AIRPORT_ZONE


@dataclass(frozen=True)
class Window:
    """The days from `start`, up to and without `until`."""

    start: date
    until: date

    @classmethod
    def parse(cls, start: str, until: str) -> Window:
        """Read two dates such as 2013-01-01.

        Raises:
            InvalidInput: One is no date, or the window holds no day.
        """
        window = cls(_date(start, "start"), _date(until, "end"))
        if window.start >= window.until:
            raise InvalidInput(
                f"The window from {start} to {until} holds no day; "
                "expected an end after the start (the end itself is left out)."
            )
        return window

    def instants(self) -> tuple[str, str]:
        """Give its bounds as UTC texts like 2013-01-01T05:00:00Z, which sort by time."""
        return midnight(self.start), midnight(self.until)


def midnight(day: date) -> str:
    """Give the start of a day in New York as a UTC text like 2013-01-01T05:00:00Z."""
    local = datetime.combine(day, time(), tzinfo=AIRPORT_ZONE)
    return local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(text: str, which: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"The {which} of the window is {text!r}; expected a date such as 2013-01-31."
        ) from None
