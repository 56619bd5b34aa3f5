"""The field types and the base class that all parts of a ModelRollout share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

from headrace.errors import Fault

__all__ = [
    "Digest",
    "Duration",
    "Instant",
    "JsonValue",
    "Name",
    "Part",
    "Percent",
    "Quantity",
    "RuleBroken",
    "format_duration",
    "format_instant",
    "milliseconds",
    "parse_duration",
    "parse_instant",
]

_GIVEN: dict[frozenset[str], set[str]] = {}
"""One set for all parts in which the same fields were given."""


class Part(BaseModel):
    """A part of the resource: immutable, camelCase in YAML, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def model_post_init(self, _: object) -> None:
        """Share the record of which fields were given: it weighs more than the fields do."""
        given = self.model_fields_set
        shared = _GIVEN.setdefault(frozenset(given), given)
        # pydantic copies it before it changes it, and a part is frozen.
        object.__setattr__(self, "__pydantic_fields_set__", shared)


class RuleBroken(ValueError):
    """Rules between fields that a document breaks, with paths relative to the part."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, faults)))


def milliseconds(seconds: float) -> float:
    """Round a time to the millisecond, the precision in which times are written.

    So a sum of times is the same to the bit before and after its way through YAML.
    """
    return round(seconds, 3)


_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_EXPECTED_DURATION = "a duration such as `90s`, `10m`, `1h30m`"
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|[smhd]))")
_LONGEST_DURATION = 32
_MICROSECONDS = 6


def parse_duration(value: object) -> float:
    """Read a duration as written in YAML, such as `90s`, `1h30m` or `250ms`.

    Args:
        value: The text; a number is refused, as its unit would be a guess.

    Returns:
        Seconds, >= 0.

    Raises:
        ValueError: It is no duration.
    """
    if isinstance(value, float | int) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0 and isinstance(value, float):
            return value  # already parsed: a model that is copied or rebuilt from its own values
        raise ValueError(
            f"{value!r} has no unit; expected a duration such as `90s`, `10m`, `1h30m`"
        )
    text = str(value).strip()
    if len(text) > _LONGEST_DURATION:
        raise ValueError(f"has {len(text)} characters; expected {_EXPECTED_DURATION}")
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; expected {_EXPECTED_DURATION}")
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    # `5s43ms` must be the very number that `milliseconds` gives.
    return round(seconds, _MICROSECONDS)


def format_duration(seconds: float) -> str:
    """Write seconds as `parse_duration` reads them: `5400.0` becomes `1h30m`."""
    whole = round(seconds * 1000)
    if whole < 1000:
        return f"{whole}ms" if whole else "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, whole = divmod(whole, size)
        text += f"{count}{unit}" if count else ""
    return text


def parse_instant(value: object) -> float:
    """Read an instant: RFC 3339 text, or Unix seconds as the engine counts them.

    Returns:
        Unix seconds, rounded to the millisecond: the precision of Prometheus, so that an instant
        survives the way through YAML to the bit.
    """
    if isinstance(value, float | int) and not isinstance(value, bool):
        return round(float(value), 3)
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return round(datetime.fromisoformat(str(value)).timestamp(), 3)


def format_instant(instant: float) -> str:
    """Write Unix seconds as RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(round(instant, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    Field(
        json_schema_extra={
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$",
            "maxLength": _LONGEST_DURATION,
            "examples": ["90s", "10m", "1h30m"],
        }
    ),
]
"""Seconds; in YAML `90s`, `10m`, `1h30m`, `250ms`."""

Instant = Annotated[
    float,
    BeforeValidator(parse_instant),
    PlainSerializer(format_instant, return_type=str),
    Field(json_schema_extra={"type": "string", "format": "date-time"}),
]
"""Unix seconds; in YAML RFC 3339."""

Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        max_length=53,
        json_schema_extra={"examples": ["flight-delay"]},
    ),
]
"""A DNS label, short enough to leave room for the suffixes of child objects."""

_QUANTITY = r"^[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"


def check_quantity(value: object) -> object:
    """Refuse what Kubernetes would not read as a quantity, such as `0.5` without quotes.

    Raises:
        ValueError: It is none.
    """
    is_whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if is_whole or (isinstance(value, str) and re.fullmatch(_QUANTITY, value)):
        return value
    raise ValueError(f"{value!r} is no quantity; expected a text such as `250m`, `0.5` or `1Gi`")


Quantity = Annotated[
    str | int,
    BeforeValidator(check_quantity),
    Field(json_schema_extra={"pattern": _QUANTITY, "x-kubernetes-int-or-string": True}),
]
"""An amount of a resource, as Kubernetes writes them."""

Percent = Annotated[int, Field(ge=1, le=100, strict=True)]
"""Whole per cent."""

Digest = Annotated[
    str,
    Field(
        pattern=r"^sha256:[0-9a-f]{64}$",
        max_length=71,
        json_schema_extra={"examples": ["sha256:" + "9f2c" * 16]},
    ),
]
