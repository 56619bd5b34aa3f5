"""Write the one ModelRollout that asks for a new version.

Nothing is watched and nothing judged here: the controller does both.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from headrace.api import parse_rollout
from headrace.errors import Fault, InvalidInput, InvalidRollout, PlatformUnavailable


@dataclass(frozen=True)
class ModelVersion:
    """The version to roll out: name, version, where its bundle is and the bundle's digest."""

    name: str
    version: str
    uri: str
    digest: str


def write_rollout(template: str, model: ModelVersion, target: str) -> Path:
    """Fill a template with a version and deliver it. A second call changes nothing.

    Args:
        template: A ModelRollout as YAML; `spec.model` may be missing or incomplete, and what it
            says besides name, version, uri and digest (such as `handler`) is kept.
        model: The version.
        target: `file://` and the directory that the controller reads.

    Returns:
        The file: `<directory>/<metadata.name>.yaml`, there as a whole or not at all.

    Raises:
        InvalidRollout: The filled template is no valid ModelRollout; the text has every fault.
        InvalidInput: The target is of a kind that is not supported.
        PlatformUnavailable: The directory cannot be written.
    """
    document = fill_template(template, model)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    name = parse_rollout(text, "The filled template").metadata.name
    file = local_directory(target) / f"{name}.yaml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, text)
    except OSError as error:
        raise PlatformUnavailable(f"{file} cannot be written: {error}.") from error
    return file


def fill_template(template: str, model: ModelVersion) -> dict[str, Any]:
    """Put a version into a template.

    Raises:
        InvalidRollout: The template is no YAML, or no mapping with mappings where it needs them.
    """
    try:
        document = yaml.safe_load(template)
    except yaml.YAMLError as error:
        raise InvalidRollout("The template", [Fault("(document)", f"not YAML: {error}")]) from error
    for path in ((), ("spec",), ("spec", "model")):
        if not isinstance(_at(document, path), dict | None) or (not path and document is None):
            where = ".".join(path) or "(document)"
            raise InvalidRollout("The template", [Fault(where, "is no mapping", "a mapping")])
    filled: dict[str, Any] = document
    spec = filled["spec"] = dict(filled.get("spec") or {})
    spec["model"] = {
        **(spec.get("model") or {}),
        "name": model.name,
        "version": model.version,
        "uri": model.uri,
        "digest": model.digest,
    }
    return filled


def local_directory(target: str) -> Path:
    """Read a `file://` target.

    Raises:
        InvalidInput: It is none, or its path is not absolute.
    """
    parts = urlsplit(target)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise InvalidInput(
            f"The target {target!r} is not supported; "
            "expected a directory such as file:///srv/rollouts."
        )
    return path


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _replace(file: Path, text: str) -> None:
    # A dot in front: who watches the directory for *.yaml never sees the unfinished file.
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
