"""The way of a test's state through JSON: to lists and back, equal to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headrace.engine.checks.base import State

Part = TypeVar("Part")


def dump(part: Any) -> dict[str, Any]:
    """Give a dataclass of numbers and tuples of numbers as JSON values."""
    return {name: _listed(getattr(part, name)) for name in part.__dataclass_fields__}


def load(kind: type[Part], value: Mapping[str, Any]) -> Part:
    """Rebuild what `dump` gave."""
    return kind(**{name: _tupled(part) for name, part in value.items()})


def own(state: State, test: str, initial: Callable[[], State]) -> dict[str, Any]:
    """Give a copy of the state if it is of this very test, else of the initial one.

    A test with other limits, or of another release of Headrace, cannot go on with it: the
    evidence would be about another question. It begins anew.

    Args:
        state: As saved; may be empty.
        test: What the state's `test` must be.
        initial: Gives the state before any data.
    """
    return dict(state if state.get("test") == test else initial())


def _listed(value: Any) -> Any:
    if type(value) is not tuple:
        return value
    if value and type(value[0]) is tuple:
        return [list(item) for item in value]
    return list(value)


def _tupled(value: Any) -> Any:
    if type(value) is not list:
        return value
    if value and type(value[0]) is list:
        return tuple([tuple(item) for item in value])
    return tuple(value)
