"""JSON schemas for kubeconform, from what an API server publishes about itself.

There is no network in CI to fetch schemas from, and these are of the very version and CRDs that the
tests apply to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headrace.errors import SetupError
from tests.cluster.api_server import ApiServer

Schema = dict[str, Any]

LOCATION = "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"
"""How kubeconform names a file; the group of `v1` is `v1` to it."""


def write_schemas(server: ApiServer, kinds: Iterable[tuple[str, str]], folder: Path) -> None:
    """Write a schema for each kind, in which a field that does not exist is a fault.

    Args:
        server: Knows the kinds.
        kinds: Pairs of apiVersion and kind.
        folder: Where the files go.

    Raises:
        SetupError: The server publishes no schema of a kind.
    """
    for version, kind in kinds:
        root = f"apis/{version}" if "/" in version else f"api/{version}"
        components = server.ask("GET", f"/openapi/v3/{root}").body["components"]["schemas"]
        name = _name(components, version, kind)
        for schema in components.values():
            _close(schema)
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": components}}
        parts = version.split("/")
        path = folder / f"{parts[0]}_{parts[-1]}_{kind.lower()}.json"
        path.write_text(json.dumps(whole), encoding="utf-8")


def _name(components: dict[str, Schema], version: str, kind: str) -> str:
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "version": number, "kind": kind}
    for name, schema in components.items():
        if wanted in schema.get("x-kubernetes-group-version-kind", []):
            return name
    raise SetupError(f"The API server publishes no schema of {version} {kind}.")


def _close(schema: Schema) -> None:
    """Allow the named properties only; not within `anyOf` and the like, which add conditions."""
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    inner = [*schema.get("properties", {}).values(), schema.get("items")]
    inner.append(schema.get("additionalProperties"))
    for each in inner:
        if isinstance(each, dict):
            _close(each)
