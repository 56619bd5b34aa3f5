"""The keywords of JSON schema that the generated schema uses; any other is refused, not ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples", "format"}
_ANNOTATIONS |= {"x-kubernetes-int-or-string"}


def problems(schema: dict[str, Any], value: Any, root: dict[str, Any], path: str) -> Iterator[str]:
    """Say where a value is not as a schema has it."""
    for keyword, wanted in schema.items():
        if keyword in _ANNOTATIONS:
            continue
        yield from _keyword(keyword, wanted, schema, value, root, path)


def _keyword(
    keyword: str,
    wanted: Any,
    schema: dict[str, Any],
    value: Any,
    root: dict[str, Any],
    path: str,
) -> Iterator[str]:
    match keyword:
        case "$ref":
            yield from problems(root["$defs"][wanted.rpartition("/")[2]], value, root, path)
        case "type":
            is_bool = isinstance(value, bool) and wanted != "boolean"
            if not isinstance(value, _TYPES[wanted]) or is_bool:
                yield f"{path}: {value!r} is no {wanted}"
        case "properties":
            for name in set(wanted) & set(value if isinstance(value, dict) else ()):
                yield from problems(wanted[name], value[name], root, f"{path}.{name}")
        case "additionalProperties":
            for name in set(value if isinstance(value, dict) else ()) - {
                *schema.get("properties", ())
            }:
                if wanted is False:
                    yield f"{path}: unknown {name}"
                elif isinstance(wanted, dict):
                    yield from problems(wanted, value[name], root, f"{path}.{name}")
        case "items":
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from problems(wanted, item, root, f"{path}[{index}]")
        case "anyOf" | "oneOf":
            fitting = sum(not list(problems(part, value, root, path)) for part in wanted)
            if not fitting or (keyword == "oneOf" and fitting > 1):
                yield f"{path}: {fitting} of {keyword} fit {value!r}"
        case _:
            if not _holds(keyword, wanted, value):
                yield f"{path}: {value!r} breaks {keyword} {wanted!r}"


def _holds(keyword: str, wanted: Any, value: Any) -> bool:
    is_number = isinstance(value, int | float)
    match keyword:
        case "const":
            return bool(value == wanted)
        case "enum":
            return value in wanted
        case "required":
            return not isinstance(value, dict) or set(wanted) <= set(value)
        case "pattern":
            return not isinstance(value, str) or bool(re.search(wanted, value))
        case "minLength" | "minItems" | "minProperties":
            return not hasattr(value, "__len__") or len(value) >= wanted
        case "maxLength" | "maxItems" | "maxProperties":
            return not hasattr(value, "__len__") or len(value) <= wanted
        case "minimum":
            return not is_number or value >= wanted
        case "maximum":
            return not is_number or value <= wanted
        case "exclusiveMinimum":
            return not is_number or value > wanted
        case "exclusiveMaximum":
            return not is_number or value < wanted
    raise AssertionError(f"{keyword} is not known here")
