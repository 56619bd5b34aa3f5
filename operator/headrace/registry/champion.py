"""Fetch the bundle that users have now, to compare a new model with it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import fsspec

from headrace.errors import NotFound, PlatformUnavailable
from headrace.registry.mlflow_registry import Registry
from headrace.registry.names import CHAMPION
from headrace.serving.bundle import Bundle, read_bundle


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


def fetch_bundle(uri: str, digest: str) -> Bundle:
    """Read a bundle from anywhere that fsspec reads, after checking its digest.

    Args:
        uri: Its directory: a path, `file://`, `s3://` or another.
        digest: What was registered.

    Raises:
        NotFound: There is nothing at the uri.
        DigestMismatch: Its bytes are others than those registered.
        InvalidBundle: It cannot be served.
        PlatformUnavailable: The store does not answer.
    """
    try:
        store, path = fsspec.core.url_to_fs(uri)
        with tempfile.TemporaryDirectory(prefix="headrace-champion-") as directory:
            copy = Path(directory) / "bundle"
            store.get(path.rstrip("/") + "/", f"{copy}/", recursive=True)
            return read_bundle(copy, digest)
    except FileNotFoundError as error:
        raise NotFound(f"There is no bundle at {uri}.") from error
    except (OSError, ValueError, ImportError) as error:
        raise PlatformUnavailable(f"The bundle at {uri} cannot be read: {error}.") from error
