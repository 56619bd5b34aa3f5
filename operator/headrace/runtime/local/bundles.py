"""Bundles on this machine: fetched once, checked against their digest, and kept by it.

Also a `file://` bundle is copied: what was registered goes on being served, and survives restarts,
whatever somebody does to the original meanwhile.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from headrace.errors import (
    DigestMismatch,
    HeadraceError,
    InvalidBundle,
    NotFound,
    PlatformUnavailable,
    SetupError,
)
from headrace.serving.bundle import read_bundle
from headrace.serving.digest import LARGEST_BUNDLE, MOST_FILES

_CHUNK = 1024**2


class BundleCache:
    """A folder of checked bundles.

    Args:
        root: The folder; made when it is needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, uri: str, digest: str) -> Path:
        """Give the folder of a bundle, fetched if it is not here yet.

        Args:
            uri: Anything that fsspec reads, or a path.
            digest: What was registered.

        Raises:
            NotFound: There is nothing at the address.
            DigestMismatch: What is there is not what was registered.
            InvalidBundle: It cannot be served as it is.
            SetupError: Reading such an address needs a package that is not installed.
            PlatformUnavailable: It cannot be read or kept just now.
        """
        target = self._root / digest.replace(":", "-")
        if target.is_dir():
            try:
                read_bundle(target, digest)
            except InvalidBundle:
                shutil.rmtree(target)  # not what we put there: fetch it again
            else:
                return target
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=self._root) as folder:
                copy = Path(folder) / "bundle"
                copy.mkdir()
                copy_files(uri, copy)
                _check(copy, uri, digest)
                if not target.is_dir():
                    copy.rename(target)
        except HeadraceError:
            raise
        except OSError as error:
            raise PlatformUnavailable(
                f"The bundle at {uri} cannot be kept in {self._root}: {error.strerror or error}."
            ) from error
        return target


def copy_files(uri: str, folder: Path) -> None:
    """Copy all files of an address into a folder, and nothing outside of it.

    Args:
        uri: Anything that fsspec reads, or a path.
        folder: An empty one.

    Raises:
        NotFound: There is nothing at the address.
        InvalidBundle: It has files that no bundle has: too many, too large, or oddly named.
        SetupError: Reading such an address needs a package that is not installed.
        PlatformUnavailable: It cannot be read just now.
        OSError: The folder does not take it.
    """
    try:
        system, root = fsspec.core.url_to_fs(uri)
        found = {name: int(info.get("size") or 0) for name, info in _find(system, root)}
    except FileNotFoundError as error:
        raise NotFound(_nothing(uri)) from error
    except ImportError as error:
        scheme = uri.split(":", 1)[0]
        raise SetupError(
            f"Reading {uri} needs a package that is not installed: run "
            f"`pip install 'fsspec[{scheme}]'`."
        ) from error
    except ValueError as error:
        raise InvalidBundle(f"{uri} is no address that fsspec reads: {error}.") from error
    except Exception as error:
        # Every storage has errors of its own; none of them says anything about the bundle.
        raise _unreachable(uri, error) from error
    if not found:
        raise NotFound(_nothing(uri))
    if len(found) > MOST_FILES or sum(found.values()) > LARGEST_BUNDLE:
        raise InvalidBundle(
            f"{uri} has {len(found)} files of {sum(found.values())} bytes; a bundle has at most "
            f"{MOST_FILES} files and {LARGEST_BUNDLE} bytes."
        )
    for name in found:
        _copy(system, name, folder / relative_name(uri, root, name), uri, limit=LARGEST_BUNDLE)


def relative_name(uri: str, root: str, name: str) -> PurePosixPath:
    """Give a file's path within its bundle.

    Args:
        uri: For the message.
        root: The bundle's path in its storage.
        name: The file's path there, which is whatever somebody stored.

    Raises:
        InvalidBundle: It leads out of the bundle.
    """
    prefix = root.rstrip("/") + "/"
    relative = PurePosixPath(name.removeprefix(prefix))
    if not name.startswith(prefix) or relative.is_absolute() or ".." in relative.parts:
        raise InvalidBundle(f"{uri} is no folder of a bundle: it has {name!r}.")
    return relative


def _find(system: Any, root: str) -> list[tuple[str, dict[str, Any]]]:
    return list(system.find(root, detail=True).items())


def _copy(system: Any, name: str, target: Path, uri: str, limit: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as copy:
        try:
            source = system.open(name, "rb")
        except Exception as error:
            raise _unreachable(uri, error) from error
        with source:
            while True:
                try:
                    chunk = source.read(_CHUNK)
                except Exception as error:
                    raise _unreachable(uri, error) from error
                if not chunk:
                    return
                copy.write(chunk)
                if copy.tell() > limit:  # the storage had said less
                    raise InvalidBundle(f"{uri} has a file of more than {limit} bytes.")


def _check(copy: Path, uri: str, digest: str) -> None:
    try:
        read_bundle(copy, digest)
    except DigestMismatch as error:
        raise DigestMismatch(uri, error.expected, error.found) from error
    except InvalidBundle as error:
        raise InvalidBundle(str(error).replace(str(copy), uri)) from error


def _nothing(uri: str) -> str:
    return f"There is no bundle at {uri}: correct spec.model.uri, or package the model again."


def _unreachable(uri: str, error: Exception) -> PlatformUnavailable:
    kind = type(error).__name__
    return PlatformUnavailable(f"The bundle at {uri} cannot be read ({kind}: {error}).")
