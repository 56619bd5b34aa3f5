"""Reads values out of JSON that may be anything: what does not fit is taken for missing.

Other people's controllers write what is read here. A field of another type than its schema says is
no reason to stop looking after a rollout. What is written is JSON, or is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from headrace.errors import InvalidInput
from headrace.runtime.kubernetes.nesting import shallow

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS

NOTHING: Mapping[str, Any] = {}


def mapping(value: object, *names: str) -> Mapping[str, Any]:
    """Give the mapping at a path; empty if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else NOTHING


def mappings(value: object, *names: str) -> Iterator[Mapping[str, Any]]:
    """Give the mappings in the list at a path."""
    *path, last = names
    found = mapping(value, *path).get(last)
    return (
        (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())
    )


def text(value: object, *names: str) -> str:
    """Give the text at a path; empty if there is none."""
    *path, last = names
    found = mapping(value, *path).get(last)
    return found if isinstance(found, str) else ""


def count(value: object, *names: str, default: int = 0) -> int:
    """Give the whole number >= 0 at a path; `default` if there is none."""
    *path, last = names
    found = mapping(value, *path).get(last)
    whole = isinstance(found, int) and not isinstance(found, bool) and found >= 0
    return found if whole else default  # type: ignore[return-value]


def packed(value: object) -> bytes:
    """Write what the API server gave as JSON again, less what is nested too deeply."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(shallow(value))


def encoded(value: object) -> bytes:
    """Write JSON, with the names in order, so that equal values give equal texts.

    Raises:
        InvalidInput: It is none, as a date in somebody's template may make it.
    """
    try:
        return orjson.dumps(value, option=_SORTED)
    except TypeError as error:
        raise InvalidInput(f"What is to be applied cannot be written as JSON: {error}.") from error
