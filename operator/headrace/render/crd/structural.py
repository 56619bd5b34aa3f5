"""From the JSON schema of the document to the structural schema that Kubernetes asks for.

Structural means: no references, one type per value, no alternatives of types. A value that may be
of several types is kept as it is and left to the controller, by
`x-kubernetes-preserve-unknown-fields`.

The status is written by Headrace only and must never be refused: it has types and descriptions,
but no defaults, no limits and no rules. Everything in it belongs to one writer as a whole, but for
the list of conditions, in which others may have their own: to keep a record of who has which number
of a test would cost the API server a sixth of what it allocates for a write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.render.crd.document import Schema
from headrace.render.crd.rules import FIELD_RULES, OBJECT_RULES, SAID_BY_RULE, SHAPES_OF_OBJECTS

LIST_KEYS: Mapping[tuple[str, str], str] = {
    ("RolloutSpec", "challengers"): "version",
    ("RolloutSpec", "gates"): "name",
    ("Analysis", "checks"): "name",
    ("Status", "conditions"): "type",
}
"""The field that tells the entries of a list apart. All other lists are atomic."""

_LIMITS = (
    *("minLength", "maxLength", "pattern", "minimum", "maximum"),
    *("minItems", "maxItems"),
)
_ALTERNATIVES = "alternatives"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_SHARED = "Status"
"""Of the parts of a status, the only one in which several may have fields: the whole."""


@dataclass(frozen=True, slots=True)
class Structural:
    """Makes structural schemas.

    Attributes:
        definitions: The schemas that references name.
        limits: Whether to write defaults, limits and rules.
    """

    definitions: Mapping[str, Schema]
    limits: bool = True

    def of(self, schema: Schema) -> Schema:
        """Give the structural schema of a value."""
        name = ""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = {**self.definitions[name], **{k: schema[k] for k in schema if k != "$ref"}}
        schema = _of_texts(schema)
        made: Schema = {}
        if "description" in schema:
            made["description"] = schema["description"]
        made |= self._typed(schema, name)
        if self.limits:
            made |= self._limited(schema, name)
        return made

    def _typed(self, schema: Schema, name: str) -> Schema:
        if schema.get("x-kubernetes-int-or-string"):
            either = [{"type": "integer"}, {"type": "string"}]
            return {"anyOf": either, "x-kubernetes-int-or-string": True}
        kind = schema.get("type")
        if kind is None:  # values of several types, or any JSON
            return {_PRESERVE: True}
        if kind == "array":
            return {"type": kind, "items": self.of(schema["items"])}
        if kind == "object":
            whole = not self.limits and name != _SHARED
            atomic = {"x-kubernetes-map-type": "atomic"} if whole else {}
            return {"type": kind} | atomic | self._contents(schema, name)
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        made = {"type": kind}
        if "format" in schema:
            made["format"] = schema["format"]
        return made | ({"enum": values} if values else {})

    def _contents(self, schema: Schema, name: str) -> Schema:
        fields = {
            field: self._field(name, field, part)
            for field, part in schema.get("properties", {}).items()
        }
        made: Schema = {"properties": fields} if fields else {}
        others = schema.get("additionalProperties")
        if others is None or others is False:
            return made
        values = self.of({} if others is True else dict(others))
        # Any JSON may be null, which only what is opaque as a whole keeps.
        return made | (
            {_PRESERVE: True} if _PRESERVE in values else {"additionalProperties": values}
        )

    def _field(self, owner: str, field: str, schema: Schema) -> Schema:
        made = self.of(schema)
        if made.get("type") == "array":
            key = LIST_KEYS.get((owner, field))
            if key is None:
                made["x-kubernetes-list-type"] = "atomic"
            else:
                made |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
                if not self.limits:
                    made["items"]["required"] = [key]
        if self.limits and (rules := FIELD_RULES.get((owner, field))):
            made["x-kubernetes-validations"] = [rule.written() for rule in rules]
        return made

    def _limited(self, schema: Schema, name: str) -> Schema:
        made: Schema = {key: schema[key] for key in _LIMITS if key in schema}
        if _ALTERNATIVES in schema:
            made["anyOf"] = schema[_ALTERNATIVES]
        for end in ("minimum", "maximum"):
            bound = schema.get(f"exclusive{end.capitalize()}")
            if bound is not None:
                made |= {end: bound, f"exclusive{end.capitalize()}": True}
        default = self._default(schema)
        if default is not None:
            made["default"] = default
        required = [f for f in schema.get("required", []) if (name, f) not in SAID_BY_RULE]
        if required:
            made["required"] = required
        made |= SHAPES_OF_OBJECTS.get(name, {})
        if rules := OBJECT_RULES.get(name):
            made["x-kubernetes-validations"] = [rule.written() for rule in rules]
        return made

    def _default(self, schema: Schema) -> Any:
        """Give the default; None for none, and for emptiness, which needs no words."""
        default = schema.get("default")
        if isinstance(default, Mapping):
            properties = schema.get("properties", {})
            own = {
                field: value
                for field, value in default.items()
                if value not in (None, {}, []) and value != properties.get(field, {}).get("default")
            }
            return own if properties else None
        return None if default in ("", []) else default


def _of_texts(schema: Schema) -> Schema:
    """Make alternatives that are all texts one text with alternative limits."""
    parts = schema.get("anyOf", [])
    if not parts or {part.get("type") for part in parts} != {"string"}:
        return schema
    limits = [_alternative(part) for part in parts]
    return schema | {"type": "string", "maxLength": _longest(parts), _ALTERNATIVES: limits}


def _alternative(part: Schema) -> Schema:
    if "const" in part:
        return {"enum": [part["const"]]}
    return {key: part[key] for key in ("enum", *_LIMITS) if key in part}


def _longest(parts: Sequence[Schema]) -> int:
    return max(int(part.get("maxLength", len(str(part.get("const", ""))))) for part in parts)
