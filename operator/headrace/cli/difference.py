"""Two states of an object as a unified diff of YAML, without what only the server writes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.render.yaml_text import to_yaml

_OF_SERVER = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """What would change of one object.

    Attributes:
        name: As `Deployment models/flight-delay-7-5b3fa81c09`.
        lines: Of a unified diff, without line ends; empty if nothing changes.
        note: What else is to be said of it; may be empty.
    """

    name: str
    lines: tuple[str, ...]
    note: str = ""


def difference(
    name: str, live: Mapping[str, Any] | None, after: Mapping[str, Any], note: str = ""
) -> Difference:
    """Compare an object with what it would be.

    Args:
        name: For people.
        live: As it is; None if it is not there.
        after: As it would be, told by the same server: with the same defaults.
        note: What else is to be said of it.
    """
    before = [] if live is None else _written(live)
    lines = difflib.unified_diff(
        before,
        _written(after),
        f"{name} (in the cluster)" if live is not None else "/dev/null",
        f"{name} (rendered)",
        n=_CONTEXT,
        lineterm="",
    )
    return Difference(name, tuple(lines), note)


def _written(found: Mapping[str, Any]) -> list[str]:
    metadata = {k: v for k, v in found["metadata"].items() if k not in _OF_SERVER}
    kept = {**found, "metadata": metadata}
    kept.pop("status", None)
    return to_yaml([_without_nulls(kept)]).splitlines()


def _without_nulls(value: Any) -> Any:
    """Leave out nulls, which say nothing, such as the `creationTimestamp` of templates of pods."""
    if isinstance(value, Mapping):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value
