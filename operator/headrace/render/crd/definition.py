"""The CustomResourceDefinition `modelrollouts.headrace.dev`."""

from __future__ import annotations

from typing import Any

from headrace.api.rollout import GROUP
from headrace.render.crd.document import Schema, document_schema
from headrace.render.crd.rules import OBJECT_RULES
from headrace.render.crd.structural import Structural
from headrace.render.yaml_text import to_yaml

_PLURAL = "modelrollouts"
_COLUMNS: tuple[tuple[str, str, str, int], ...] = (
    ("Model", "string", ".spec.model.name", 0),
    ("Version", "string", ".spec.model.version", 0),
    ("Phase", "string", ".status.phase", 0),
    ("Step", "integer", ".status.step", 0),
    ("Weight", "integer", ".status.weights.asked.candidate", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Message", "string", ".status.decision.message", 1),
)
"""Name, type, path, and 1 for those of `kubectl get -o wide` only: a sentence breaks lines."""


def definition() -> dict[str, Any]:
    """Give the CustomResourceDefinition."""
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema()},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "ModelRollout",
                "listKind": "ModelRolloutList",
                "plural": _PLURAL,
                "singular": "modelrollout",
                "shortNames": ["mr"],
                "categories": ["headrace"],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _schema() -> Schema:
    document = document_schema()
    definitions = document["$defs"]
    strict, plain = Structural(definitions), Structural(definitions, limits=False)
    properties = document["properties"]
    return {
        "description": document["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": properties["apiVersion"]["description"],
                "type": "string",
            },
            "kind": {"description": properties["kind"]["description"], "type": "string"},
            "metadata": {"type": "object"},
            "spec": strict.of(properties["spec"]),
            "status": plain.of(properties["status"]),
        },
        "x-kubernetes-validations": [rule.written() for rule in OBJECT_RULES["ModelRollout"]],
    }


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return column | ({"priority": priority} if priority else {})


def definition_yaml() -> str:
    """Write it as YAML."""
    return to_yaml([definition()], width=100)
