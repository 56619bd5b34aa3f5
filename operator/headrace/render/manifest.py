"""What a manifest is here: a dict in the order in which people read one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""`apiVersion`, `kind`, `metadata`, then the rest; no nulls, no empty mappings that say nothing."""


def manifest(
    api_version: str,
    kind: str,
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    body: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Put the parts together in the usual order.

    Args:
        api_version: Such as `apps/v1`.
        kind: Such as `Deployment`.
        name: Of the object.
        namespace: Of the object.
        labels: Of the object.
        body: What follows the metadata, such as `{"spec": {...}}`.
        annotations: Of the object; none are left out.
    """
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": dict(labels)}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out fields that are None, or an empty text, list or mapping; 0 and False stay."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and value != "" and value != [] and value != {}
    }
