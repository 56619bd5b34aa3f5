"""Whether manifests fit: custom kinds by their CRDs' schemas, built-in ones by Kubernetes' models.

`schemas.json` has of each CRD (Gateway API 1.6.1, Istio, Prometheus Operator, Seldon 1.17.1) the
fields that the examples use, with all their rules. A field that is in neither is a fault here, as
a real API server would drop it in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kubernetes.client import models

SCHEMAS: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "schemas.json").read_text(encoding="utf-8")
)

_BUILT_IN = {
    "apps/v1 Deployment": "V1Deployment",
    "autoscaling/v2 HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
    "networking.k8s.io/v1 NetworkPolicy": "V1NetworkPolicy",
    "policy/v1 PodDisruptionBudget": "V1PodDisruptionBudget",
    "v1 ConfigMap": "V1ConfigMap",
    "v1 Service": "V1Service",
    "v1 ServiceAccount": "V1ServiceAccount",
}
_TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_SCALARS: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "object": (str, int),
}


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """Give what an API server would not take."""
    key = f"{manifest['apiVersion']} {manifest['kind']}"
    if key in SCHEMAS:
        return list(_by_schema(manifest, SCHEMAS[key], manifest["kind"]))
    return list(_by_model(manifest, _BUILT_IN[key], manifest["kind"]))


def _by_schema(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str):
            yield f"{path} is {value!r}, expected a number or a text"
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (kind != "boolean" and value is True)):
        yield f"{path} is {value!r}, expected {kind}"
        return
    yield from _rules(value, schema, path)
    if isinstance(value, dict):
        yield from _members(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _by_schema(item, schema["items"], f"{path}[{index}]")


def _rules(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    size = len(value) if isinstance(value, str | list) else None
    broken: dict[str, Callable[[Any], bool]] = {
        "enum": lambda limit: value not in limit,
        "pattern": lambda limit: isinstance(value, str) and not re.search(limit, value),
        "minimum": lambda limit: value < limit,
        "maximum": lambda limit: value > limit,
        "minLength": lambda limit: size is not None and size < limit,
        "maxLength": lambda limit: size is not None and size > limit,
        "minItems": lambda limit: size is not None and size < limit,
        "maxItems": lambda limit: size is not None and size > limit,
        "oneOf": lambda some: sum(_fits(value, each) for each in some) != 1,
        "anyOf": lambda some: not any(_fits(value, each) for each in some),
        "not": lambda one: _fits(value, one),
    }
    for rule, breaks in broken.items():
        if rule in schema and breaks(schema[rule]):
            yield f"{path} is {value!r}, which breaks {rule} {schema[rule]}"


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    # What stands beside a choice says which fields there must be, and nothing about others.
    if isinstance(value, dict) and any(name not in value for name in schema.get("required", ())):
        return False
    return not list(_rules(value, schema, ""))


def _members(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, member in value.items():
        if name in known:
            yield from _by_schema(member, known[name], f"{path}.{name}")
        elif isinstance(others, dict):
            yield from _by_schema(member, others, f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name} is no known field"


def _by_model(value: Any, kind: str, path: str) -> Iterator[str]:
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\((\w+), (.+)\)", kind)
    if listed:
        if not isinstance(value, list):
            yield f"{path} is {value!r}, expected a list"
            return
        for index, item in enumerate(value):
            yield from _by_model(item, listed[1], f"{path}[{index}]")
    elif mapped:
        if not isinstance(value, dict):
            yield f"{path} is {value!r}, expected a mapping"
            return
        for name, item in value.items():
            yield from _by_model(item, mapped[2], f"{path}.{name}")
    elif kind in _SCALARS:
        if not isinstance(value, _SCALARS[kind]) or (kind != "bool" and isinstance(value, bool)):
            yield f"{path} is {value!r}, expected {kind}"
    else:
        yield from _by_class(value, getattr(models, kind), path)


def _by_class(value: Any, model: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r}, expected a mapping"
        return
    attributes = {wire: name for name, wire in model.attribute_map.items()}
    for wire, member in value.items():
        if wire not in attributes:
            yield f"{path}.{wire} is no known field"
        else:
            yield from _by_model(member, model.openapi_types[attributes[wire]], f"{path}.{wire}")
    try:
        model(**{attributes[wire]: value[wire] for wire in value if wire in attributes})
    except ValueError as error:
        yield f"{path}: {error}"
