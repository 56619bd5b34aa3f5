"""The JSON schema of a whole ModelRollout document, as editors read it.

It is pydantic's, without what only pydantic needs: titles made of field names, null beside every
optional field, durations as numbers of seconds, and the line breaks of docstrings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout
from headrace.api.fields import format_duration

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document_schema() -> Schema:
    """Give the schema of a document with metadata, spec and status.

    Returns:
        JSON schema of draft 2020-12. It says less than the parser: what holds between fields is
        told by `headrace lint`.
    """
    schema = _cleaned(ModelRollout.model_json_schema(by_alias=True))
    del schema["properties"]["status"]["default"]
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    strategy = schema["$defs"]["Strategy"]
    strategy["minProperties"] = strategy["maxProperties"] = 1
    return {"$schema": _DIALECT, "title": "ModelRollout", **schema}


def _cleaned(schema: Schema) -> Schema:
    cleaned: Schema = {}
    for key, value in schema.items():
        if key == "title" or (key == "default" and value is None):
            continue
        if key == "description":
            cleaned[key] = _unwrapped(value)
        elif key in ("properties", "$defs"):
            cleaned[key] = {name: _cleaned(part) for name, part in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            cleaned[key] = _cleaned(dict(value))
        elif key in ("anyOf", "oneOf"):
            cleaned |= _alternatives(key, [_cleaned(part) for part in value])
        else:
            cleaned[key] = value
    if cleaned.get("type") == "string" and isinstance(cleaned.get("default"), float):
        cleaned["default"] = format_duration(cleaned["default"])
    return cleaned


def _alternatives(key: str, parts: list[Schema]) -> Schema:
    given = [part for part in parts if part != {"type": "null"}]
    return given[0] if len(given) == 1 else {key: given}


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph of a docstring."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text)
