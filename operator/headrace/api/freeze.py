"""Times in which nothing is changed: cron schedules with a duration, in a time zone.

The schedules are cronsim's: the five fields of Debian's cron, and its way with clocks that are put
forward or back. A window lasts as long as it says in elapsed time, whatever clocks do meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, Field, model_validator

from headrace.api.fields import Duration, Part, RuleBroken, format_duration
from headrace.errors import Fault

SCHEDULE = r"^[-0-9A-Za-z*,/#]+( +[-0-9A-Za-z*,/#]+){4}$"
"""What a schedule looks like; whether it is one is for cronsim to say."""

_EXPECTED = "five cron fields: minute, hour, day of month, month, day of week"
_SOME_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - the fields are parsed, and no time is computed
_CHAINED = 100
"""Windows that follow each other without a gap, after which the end is given as `at least`."""


_SEARCHED = 15_000
"""Windows among which a gap is looked for: more than a week of one a minute."""


def check_schedule(text: object) -> object:
    """Refuse a text that cron does not understand.

    Raises:
        ValueError: It is no schedule, or names a day that no month has.
    """
    if not isinstance(text, str):
        return text
    # A sixth field would be seconds.
    problem = "" if len(text.split()) == 5 else "it has not five fields"
    try:
        CronSim(text, _SOME_DAY)
    except CronSimError as error:
        problem = problem or str(error).replace("Bad", "no such")
    if problem:
        raise ValueError(f"{text!r} is no cron schedule: {problem}; expected {_EXPECTED}")
    return text


def check_timezone(name: object) -> object:
    """Refuse the name of a time zone that nobody knows.

    Raises:
        ValueError: It is not in the time zone database.
    """
    if not isinstance(name, str):
        return name
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; expected a name such as UTC") from error
    return name


class Freeze(Part):
    """Windows in which no weight rises, nothing is promoted and no rollout starts."""

    schedule: Annotated[
        str,
        Field(pattern=SCHEDULE, max_length=100, json_schema_extra={"examples": ["0 18 * * 5"]}),
        BeforeValidator(check_schedule),
    ]
    """When a window begins: minute, hour, day of month, month and day of week, as in cron."""
    duration: Duration
    """How long each window lasts; above zero."""
    timezone: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z][-+A-Za-z0-9_/]*$",
            max_length=64,
            json_schema_extra={"examples": ["Europe/Vienna"]},
        ),
        BeforeValidator(check_timezone),
    ] = "UTC"
    """Whose clock the schedule means, such as `Europe/Vienna`."""

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if not self.duration:
            raise RuleBroken(
                [Fault("duration", "is zero", "a duration above zero", "duration: 62h")]
            )
        return self

    def __str__(self) -> str:
        """Say what it is, as in `"0 18 * * 5" for 2d14h`."""
        return f'"{self.schedule}" for {format_duration(self.duration)}'

    def starts(self, after: float) -> Iterator[float]:
        """Give when windows begin, in order, from an instant on.

        Args:
            after: Unix seconds, exclusive.

        Yields:
            Unix seconds. Ends where no window begins within 50 years.
        """
        moment = datetime.fromtimestamp(after, ZoneInfo(self.timezone))
        for start in CronSim(self.schedule, moment):
            # In the hour that clocks repeat cron takes the first one, which may be over.
            if (begun := start.timestamp()) > after:
                yield begun

    def windows(self, after: float) -> Iterator[tuple[float, float]]:
        """Give begin and end of each window that begins after an instant, in order."""
        return ((start, start + self.duration) for start in self.starts(after))


def frozen(freezes: Sequence[Freeze], now: float) -> str:
    """Say why nothing may go on now; empty where it may.

    Args:
        freezes: Of the spec.
        now: Unix seconds.
    """
    for freeze in freezes:
        end = _window_end(freeze, now)
        if end is None:
            continue
        reached, sure = _thawed(freezes, end)
        moment = datetime.fromtimestamp(reached, ZoneInfo(freeze.timezone))
        until = f"{'' if sure else 'at least '}{moment:%Y-%m-%d %H:%M}"
        return f"frozen until {until} {freeze.timezone}, by {freeze}"
    return ""


def first_gap(freezes: Sequence[Freeze], since: float, horizon: float) -> float | None:
    """Find the first moment at which nothing is frozen.

    Args:
        freezes: Of a spec, at least one.
        since: Where to begin, Unix seconds.
        horizon: Seconds after which the search ends.

    Returns:
        Unix seconds; None if there is none until then, or among very many windows.
    """
    reached = since
    windows = merge(*(freeze.windows(since - freeze.duration) for freeze in freezes))
    for start, end in islice(windows, _SEARCHED):
        if start > reached:
            return reached
        reached = max(reached, end)
        if reached > since + horizon:
            return None
    return reached if next(windows, None) is None else None


def _window_end(freeze: Freeze, now: float) -> float | None:
    """Give when the window ends that contains an instant."""
    start = next(freeze.starts(now - freeze.duration), None)
    return None if start is None or start > now else start + freeze.duration


def _thawed(freezes: Sequence[Freeze], end: float) -> tuple[float, bool]:
    """Follow windows that continue each other; and whether there was an end to them."""
    for _ in range(_CHAINED):
        later = [e for freeze in freezes if (e := _window_end(freeze, end)) is not None]
        if not later:
            return end, True
        end = max(later)
    return end, False
