"""KFP's schedules: six fields, the seconds first, as the Go library robfig/cron reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from cronsim import CronSim, CronSimError

from headrace.errors import InvalidInput

_FIELDS = 6


def next_times(expression: str, now: datetime, count: int = 3) -> tuple[datetime, ...]:
    """Give the next times of a schedule, in UTC as the backend counts unless it is told otherwise.

    Args:
        expression: Such as `0 0 6 * * MON-FRI`: at six o'clock on workdays. `?` is the same as `*`.
        now: With its zone.
        count: How many.

    Raises:
        InvalidInput: It is no such expression, or it never comes.
    """
    fields = expression.split()
    problem = f"has {len(fields)} fields"
    if len(fields) == _FIELDS:
        try:
            times = CronSim(" ".join(fields).replace("?", "*"), now.astimezone(UTC))
            found = tuple(islice(times, count))
        except CronSimError as error:
            problem = str(error)
        else:
            if found:
                return found
            problem = "never comes"
    raise InvalidInput(
        f"The schedule {expression!r} {problem}; expected six fields: second, minute, hour, day of "
        "the month, month and day of the week, for example '0 0 6 * * MON-FRI'."
    )
