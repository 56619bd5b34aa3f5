"""Finds what others have changed of an object that Headrace applied.

The API server keeps a record of who set which field last (`managedFields`). Whoever changes one of
our fields takes it from us there, whatever the value is written like. So nothing has to be compared
with what was asked for, and defaults, webhooks and other spellings of a quantity are no change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from headrace.runtime.kubernetes.cluster import FIELD_MANAGER

_NOT_RECORDED = ("apiVersion", "kind")
_SEEN_OTHERWISE = ("name", "namespace", "ownerReferences")
_ORDINARY = ("kube-controller-manager", f"{FIELD_MANAGER}-scaling")

Owned = Mapping[str, Any]


def lost_fields(manifest: Mapping[str, Any], fields: str) -> tuple[str, ...]:
    """Give the paths of a manifest's fields that are not ours any more.

    Args:
        manifest: As it was applied.
        fields: Who has which, as `Seen.fields` has it.
    """
    owned = _owned_by(fields, FIELD_MANAGER)
    lost: list[str] = []
    for name, value in manifest.items():
        if name in _NOT_RECORDED:
            continue
        ours = value
        if name == "metadata":
            ours = {key: each for key, each in value.items() if key not in _SEEN_OTHERWISE}
        lost += _lost(ours, owned.get(f"f:{name}"), name)
    return tuple(lost)


def has_field(fields: str, manager: str, *path: str) -> bool:
    """Tell whether somebody has applied a field."""
    owned: Any = _owned_by(fields, manager)
    for name in path:
        owned = owned.get(f"f:{name}")
        if owned is None:
            return False
    return True


def who_else(fields: str) -> str:
    """Give who else has changed an object; empty if nobody."""
    others = {
        manager
        for manager, operation, _ in _entries(fields)
        if (manager, operation) != (FIELD_MANAGER, "Apply") and manager not in _ORDINARY
    }
    return ", ".join(sorted(others))


@lru_cache(maxsize=256)
def _entries(fields: str) -> list[tuple[str, str, Owned]]:
    """Read a record; objects of one shape have the same, in all rollouts."""
    return json.loads(fields) if fields else []


def _owned_by(fields: str, manager: str) -> Owned:
    found = (owned for who, how, owned in _entries(fields) if (who, how) == (manager, "Apply"))
    return next(found, {})


def _lost(value: object, owned: Owned | None, path: str) -> Iterator[str]:
    if owned is None:
        yield path
    elif not owned:
        return  # the whole value is one field
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _lost(each, owned.get(f"f:{name}"), f"{path}.{name}")
    elif isinstance(value, list):
        items = [(json.loads(key[2:]), each) for key, each in owned.items() if key[1:2] == ":"]
        for each in value:
            name = each.get("name", "") if isinstance(each, dict) else each
            yield from _lost(each, _item(each, items), f"{path}[{name}]")


def _item(value: object, items: list[tuple[Any, Owned]]) -> Owned | None:
    """Find the record of a list's item: by the fields that identify it, or by itself."""
    for key, owned in items:
        if isinstance(key, dict) and isinstance(value, dict):
            if all(value.get(name, each) == each for name, each in key.items()):
                return owned
        elif key == value:
            return owned
    return None
