"""Values files whose comments are the descriptions of their schema, so that both say the same."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from headrace.render.yaml_text import to_yaml

Schema = Mapping[str, Any]

_WIDTH = 96


def commented(values: Mapping[str, Any], schema: Schema, indent: int = 0) -> str:
    """Write values, each below what the schema says about it.

    Args:
        values: In the order in which people should read them.
        schema: A JSON schema with `properties`.
        indent: Of the whole, in spaces.
    """
    return "\n".join(_lines(values, schema, indent)) + "\n"


def defaults_of(schema: Schema) -> dict[str, Any]:
    """Give the default of every property that has one, or has properties with defaults."""
    found = {}
    for name, part in schema.get("properties", {}).items():
        if "default" in part:
            found[name] = part["default"]
        elif inner := defaults_of(part):
            found[name] = inner
    return found


def _lines(values: Mapping[str, Any], schema: Schema, indent: int) -> list[str]:
    pad = " " * indent
    lines: list[str] = []
    for key, value in values.items():
        part = schema.get("properties", {}).get(key, {})
        if lines and indent == 0:
            lines.append("")
        said = textwrap.wrap(part.get("description", ""), _WIDTH - indent)
        lines += [f"{pad}# {line}" for line in said]
        if isinstance(value, Mapping) and value and "properties" in part:
            lines += [f"{pad}{key}:", *_lines(value, part, indent + 2)]
        else:
            lines += [f"{pad}{line}" for line in to_yaml([{key: value}]).splitlines()]
    return lines
