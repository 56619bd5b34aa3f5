"""Kubernetes' strategic merge: a part of a manifest over the whole.

Mappings are merged, null removes, and lists are replaced, but for those whose entries Kubernetes
tells apart by a field: these are merged entry by entry. `$patch: delete` removes what it stands
in, `$patch: replace` lets nothing of the old stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.api.fields import RuleBroken
from headrace.errors import Fault

MERGE_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""By the name of a list: the field, one of these, that tells its entries apart."""

_DIRECTIVE = "$patch"
_DELETE, _REPLACE = "delete", "replace"


def merged(whole: Mapping[str, Any], patch: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Merge a patch over a mapping; neither is changed.

    Args:
        whole: Plain values without nulls.
        patch: Plain values; a null removes the field.
        path: Where the patch stands, for faults.

    Returns:
        The fields of `whole` in their order, then the patch's new ones.

    Raises:
        RuleBroken: The patch has another shape than what it is for.
    """
    directive = _directive(patch, path)
    result = {} if directive == _REPLACE else dict(whole)
    for name, value in patch.items():
        here = f"{path}.{name}" if path else name
        if name == _DIRECTIVE:
            continue
        if value is None or (isinstance(value, Mapping) and _directive(value, here) == _DELETE):
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(_same(result.get(name, {}), dict, here), value, here)
        elif isinstance(value, list):
            result[name] = _list(name, _same(result.get(name, []), list, here), value, here)
        else:
            if isinstance(result.get(name), dict | list):
                raise RuleBroken([Fault(here, f"is {value!r}", _kind(result[name]))])
            result[name] = value
    return result


def _list(name: str, whole: Sequence[Any], patch: Sequence[Any], path: str) -> list[Any]:
    key = _key(name, [*whole, *patch])
    if key is None:
        # No nulls in manifests, wherever they stand.
        return [_without_nulls(each, f"{path}[{at}]") for at, each in enumerate(patch)]
    result = list(whole)
    for at, each in enumerate(patch):
        here = f"{path}[{at}]"
        if not isinstance(each, Mapping):
            raise RuleBroken([Fault(here, f"is {each!r}", f"a mapping with {key}")])
        directive = _directive(each, here)
        if directive == _REPLACE and key not in each:
            result = []
            continue
        if each.get(key) is None:
            problem = f"has no {key}"
            raise RuleBroken([Fault(here, problem, f"{key}, which tells the entries apart")])
        place = next((i for i, old in enumerate(result) if old.get(key) == each[key]), None)
        if directive == _DELETE:
            result = [old for old in result if old.get(key) != each[key]]
        elif place is None:
            result.append(merged({}, each, here))
        else:
            result[place] = merged(result[place], each, here)
    return result


def _key(name: str, entries: Sequence[Any]) -> str | None:
    """Give the field that tells a list's entries apart; None for lists that are replaced."""
    known = MERGE_KEYS.get(name, ())
    if len(known) < 2:
        return next(iter(known), None)
    mappings = [entry for entry in entries if isinstance(entry, Mapping)]
    return next((key for key in known if any(key in entry for entry in mappings)), known[0])


def _directive(patch: Mapping[str, Any], path: str) -> str | None:
    for name in patch:
        if name.startswith("$") and name != _DIRECTIVE:
            raise RuleBroken([Fault(f"{path}.{name}".lstrip("."), "is no directive", _DIRECTIVE)])
    directive = patch.get(_DIRECTIVE)
    if directive not in (None, "merge", _DELETE, _REPLACE):
        expected = "merge, replace or delete"
        raise RuleBroken([Fault(f"{path}.$patch".lstrip("."), f"is {directive!r}", expected)])
    return directive


def _same(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        found = "a mapping" if kind is dict else "a list"
        raise RuleBroken([Fault(path, f"is {found}", _kind(value))])
    return value


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else "a single value"


def _without_nulls(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return merged({}, value, path)
    if isinstance(value, list):
        return [_without_nulls(each, f"{path}[{at}]") for at, each in enumerate(value)]
    if value is None:
        raise RuleBroken([Fault(path, "is null", "a value")])
    return value
