"""Durations as parameters of pipelines give them: texts, as in a ModelRollout."""

from __future__ import annotations

from headrace.api.fields import parse_duration
from headrace.errors import InvalidInput


def seconds_of(name: str, text: str) -> float:
    """Read a duration.

    Args:
        name: Of the parameter, for the error.
        text: Such as `90s`, `10m` or `7d`.

    Returns:
        Seconds, >= 0.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidInput(f"{name}: {error}.") from error
