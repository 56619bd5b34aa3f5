"""Copies a bundle from where it is stored, whatever that is, to a folder on this machine.

fsspec is imported when a copy is asked for: a server that only loads what is here needs none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from headrace.errors import (
    DigestMismatch,
    InvalidBundle,
    NotFound,
    PlatformUnavailable,
    SetupError,
)
from headrace.serving.digest import LARGEST_BUNDLE, MOST_FILES

_CHUNK = 1024**2


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
        import fsspec

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


@contextlib.contextmanager
def name_address(copy: Path, uri: str) -> Iterator[None]:
    """Have errors about a copy name the address that it came from.

    Raises:
        InvalidBundle: One was raised.
    """
    try:
        yield
    except DigestMismatch as error:
        raise DigestMismatch(uri, error.expected, error.found) from error
    except InvalidBundle as error:
        raise InvalidBundle(str(error).replace(str(copy), uri)) from error


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


def _nothing(uri: str) -> str:
    return f"There is no bundle at {uri}: correct spec.model.uri, or package the model again."


def _unreachable(uri: str, error: Exception) -> PlatformUnavailable:
    kind = type(error).__name__
    return PlatformUnavailable(f"The bundle at {uri} cannot be read ({kind}: {error}).")
