"""Bring bundles that the registry knows to this machine, checked by the digest it has of them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import fsspec

from headrace.errors import NotFound, PlatformUnavailable
from headrace.registry.mlflow_registry import RegisteredVersion, Registry
from headrace.registry.names import CHALLENGER, CHAMPION
from headrace.serving.bundle import Bundle, read_bundle


def fetch_version(registry_uri: str, name: str, version: str, target: Path) -> RegisteredVersion:
    """Copy the bundle of a version into a directory.

    Args:
        registry_uri: As `Registry` takes it.
        name: The model's name.
        version: Its name, or `champion` or `challenger` for the one that the alias points at.
        target: The directory to make; it is there as a whole or not at all, and replaces what was
            there.

    Raises:
        NotFound: There is no such version, or nothing at its uri.
        DigestMismatch: Its bytes are others than those registered.
        InvalidBundle: It cannot be served.
        PlatformUnavailable: The registry or the store does not answer.
    """
    registry = Registry(registry_uri)
    known = (
        registry.version_of(name, version)
        if version in (CHAMPION, CHALLENGER)
        else registry.version_named(name, version)
    )
    if known is None:
        raise NotFound(f"{name} has no {version} yet: roll a version out first, or name one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        copy = Path(beside) / "bundle"
        copy_bundle(known.uri, known.digest, copy)
        shutil.rmtree(target, ignore_errors=True)
        copy.rename(target)
    return known


def fetch_bundle(uri: str, digest: str) -> Bundle:
    """Read a bundle from anywhere that fsspec reads, after checking its digest.

    Raises:
        HeadraceError: As `copy_bundle` says.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-champion-") as directory:
        return copy_bundle(uri, digest, Path(directory) / "bundle")


def copy_bundle(uri: str, digest: str, target: Path) -> Bundle:
    """Copy a bundle from anywhere that fsspec reads, and check its digest.

    Args:
        uri: Its directory: a path, `file://`, `s3://` or another.
        digest: What was registered.
        target: The directory to make.

    Raises:
        NotFound: There is nothing at the uri.
        DigestMismatch: Its bytes are others than those registered.
        InvalidBundle: It cannot be served.
        PlatformUnavailable: The store does not answer.
    """
    try:
        store, path = fsspec.core.url_to_fs(uri)
        store.get(path.rstrip("/") + "/", f"{target}/", recursive=True)
    except FileNotFoundError as error:
        raise NotFound(f"There is no bundle at {uri}.") from error
    except (OSError, ValueError, ImportError) as error:
        raise PlatformUnavailable(f"The bundle at {uri} cannot be read: {error}.") from error
    return read_bundle(target, digest)
