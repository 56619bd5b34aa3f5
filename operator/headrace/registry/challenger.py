"""What the component `register` calls: enter a bundle and make it the challenger."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from headrace.errors import InvalidInput
from headrace.registry.mlflow_registry import RegisteredVersion, Registry
from headrace.registry.names import CHALLENGER
from headrace.serving.bundle import read_bundle

_LONGEST = 500
"""Characters of a text that MLflow keeps everywhere; longer ones are in the bundle alone."""


def register_challenger(
    registry_uri: str, bundle_dir: Path, uri: str, digest: str, metrics: Mapping[str, float]
) -> RegisteredVersion:
    """Register a bundle and point the alias `challenger` at it. A second call changes nothing.

    Args:
        registry_uri: As `Registry` takes it.
        bundle_dir: The bundle.
        uri: Where servers find it; a plain path becomes a `file://` uri.
        digest: The digest it must have.
        metrics: Of its evaluation, finite.

    Raises:
        InvalidInput: A metric is not finite.
        DigestMismatch: The bundle has another digest.
        InvalidBundle: The bundle cannot be served.
        Conflict: The version is registered already, with another digest.
        PlatformUnavailable: The registry does not answer.
    """
    if broken := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise InvalidInput(f"The metrics {', '.join(broken)} are not finite.")
    # What it was trained with travels in its signature.
    known = read_bundle(bundle_dir, digest).signature.metadata
    metadata = {name: text for name, text in known.items() if len(text) <= _LONGEST}
    registry = Registry(registry_uri)
    registered = registry.register(
        bundle_dir,
        digest,
        metrics=metrics,
        params=metadata,
        metadata=metadata,
        uri=uri if "://" in uri else Path(uri).resolve().as_uri(),
    )
    registry.set_alias(registered.name, CHALLENGER, registered.version)
    return registered
