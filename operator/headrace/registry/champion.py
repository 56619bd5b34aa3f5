"""The bundle that users have now, to compare a new model with it."""

from __future__ import annotations

from headrace.registry.fetch import fetch_bundle
from headrace.registry.mlflow_registry import Registry
from headrace.registry.names import CHAMPION
from headrace.serving.bundle import Bundle


def champion_bundle(registry_uri: str, name: str) -> Bundle | None:
    """Read the champion of a model, None if it has none yet.

    Args:
        registry_uri: As `Registry` takes it.
        name: The model's name.

    Raises:
        NotFound: The registry names a bundle that is not there.
        InvalidBundle: The bundle is not the one that was registered, or cannot be served.
        PlatformUnavailable: The registry or the store does not answer.
    """
    known = Registry(registry_uri).version_of(name, CHAMPION)
    return fetch_bundle(known.uri, known.digest) if known else None
