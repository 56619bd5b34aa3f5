"""A template of a ModelRollout, filled with the version that is to be rolled out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from headrace.api import ModelRollout, parse_rollout
from headrace.api.editing import name_version
from headrace.api.yaml_text import NotYaml, read_documents
from headrace.errors import Fault, InvalidRollout

SOURCE = "The filled template"


@dataclass(frozen=True)
class ModelVersion:
    """The version to roll out: name, version, where its bundle is and the bundle's digest."""

    name: str
    version: str
    uri: str
    digest: str


@dataclass(frozen=True)
class Manifest:
    """A ModelRollout that names a version.

    Attributes:
        text: YAML, with the comments of the template.
        document: What the text says.
        rollout: The same, checked.
    """

    text: str
    document: dict[str, Any]
    rollout: ModelRollout


def fill(template: str, model: ModelVersion) -> Manifest:
    """Name a version in a template; the same arguments always give the same text.

    Args:
        template: A ModelRollout as YAML; `spec.model` may be missing or incomplete, and what it
            says besides name, version, uri and digest (such as `handler`) is kept.
        model: The version.

    Raises:
        InvalidRollout: The template is no YAML, or the filled one no valid ModelRollout; the text
            has every fault.
    """
    document = _document(template, model)
    text = _edited(template, model, document)
    if text is None:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return Manifest(text, document, parse_rollout(text, SOURCE))


def _document(template: str, model: ModelVersion) -> dict[str, Any]:
    document = _data(template)
    for path in ((), ("spec",), ("spec", "model")):
        if not isinstance(_at(document, path), dict | None) or (not path and document is None):
            where = ".".join(path) or "(document)"
            raise InvalidRollout("The template", [Fault(where, "is no mapping", "a mapping")])
    filled: dict[str, Any] = document
    spec = filled["spec"] = dict(filled.get("spec") or {})
    spec["model"] = {**(spec.get("model") or {}), **_fields(model)}
    return filled


def _data(text: str) -> Any:
    """Read one document, in bounded time and memory: templates come from outside."""
    try:
        documents = read_documents(text)
    except NotYaml as error:
        where = f"line {error.line}" if error.line else "(document)"
        raise InvalidRollout("The template", [Fault(where, str(error), error.expected)]) from error
    if len(documents) > 1:
        problem = f"has {len(documents)} documents"
        raise InvalidRollout("The template", [Fault("(document)", problem, "exactly one")])
    faults = [fault for document in documents for fault in document.faults]
    if faults:
        raise InvalidRollout("The template", faults)
    return documents[0].data if documents else None


def _edited(template: str, model: ModelVersion, document: dict[str, Any]) -> str | None:
    """Change nothing but the version, so that a commit shows nothing else; None if that fails."""
    try:
        text = name_version(template, _fields(model))
        return text if _data(text) == document else None
    except (InvalidRollout, IndexError):
        # Such as a template without spec.model: there is nothing to edit, so it is written anew.
        return None


def _fields(model: ModelVersion) -> dict[str, str]:
    return {
        "name": model.name,
        "version": model.version,
        "uri": model.uri,
        "digest": model.digest,
    }


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document
