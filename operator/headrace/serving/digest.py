"""The content of a bundle's directory and its digest.

The digest covers exactly the bytes that are returned with it: who reads a bundle parses those
bytes and never opens a file again, so nothing can change between the check and the use.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from headrace.errors import InvalidBundle, NotFound

LARGEST_BUNDLE = 2 * 1024**3
"""Bytes in all files together: what one ONNX file can hold at most."""

MOST_FILES = 1000

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(path: str | os.PathLike[str]) -> str:
    """Compute the digest of a bundle on disk.

    Args:
        path: The bundle's directory.

    Returns:
        `sha256:` and 64 hexadecimal digits; the same on every machine for the same files.

    Raises:
        NotFound: There is no such directory.
        InvalidBundle: It holds a link, a special file, or more than a bundle may.
    """
    return digest_of(contents(path))


def digest_of(files: Mapping[str, bytes]) -> str:
    """Compute the digest of files in memory.

    Every path and every content goes in with its length before it, in the order of the paths, so
    that no two different bundles give the same bytes to the hash.

    Args:
        files: The content of each file by its path within the bundle, with `/` between parts.
    """
    whole = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode("ascii"), files[name]):
            whole.update(len(part).to_bytes(8, "big"))
            whole.update(part)
    return f"sha256:{whole.hexdigest()}"


def is_digest(text: str) -> bool:
    """Say whether a text has the form of a digest."""
    return _DIGEST.fullmatch(text) is not None


def contents(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read every file below a directory once.

    Returns:
        The content of each file by its path within the bundle, with `/` between parts.

    Raises:
        NotFound: There is no such directory.
        InvalidBundle: It holds a link, a special file, a name outside of ASCII, more than
            `MOST_FILES` files or more than `LARGEST_BUNDLE` bytes; or a file cannot be read.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotFound(f"There is no bundle at {root}: expected a directory with model.json.")
    files: dict[str, bytes] = {}
    room = LARGEST_BUNDLE
    try:
        for file in _files(root):
            name = file.relative_to(root).as_posix()
            if not (name.isascii() and name.isprintable()):
                raise InvalidBundle(
                    f"The bundle at {root} has a file named {name!r}: names must be plain ASCII, "
                    "because other characters are stored differently on other machines."
                )
            if len(files) == MOST_FILES:
                raise InvalidBundle(f"The bundle at {root} has more than {MOST_FILES} files.")
            files[name] = _read(file, room)
            room -= len(files[name])
    except OSError as error:
        raise InvalidBundle(f"The bundle at {root} cannot be read: {error}.") from error
    return files


def _files(directory: Path) -> Iterator[Path]:
    for entry in sorted(directory.iterdir()):
        if entry.is_symlink():
            raise InvalidBundle(
                f"{entry} is a symbolic link; a bundle holds plain files only. Copy the file."
            )
        if entry.is_dir():
            yield from _files(entry)
        else:
            yield entry


def _read(file: Path, room: int) -> bytes:
    # O_NOFOLLOW and fstat look at the file that is read, not at one that was there before.
    # O_NONBLOCK keeps a named pipe from blocking the open.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidBundle(f"{file} is a special file; a bundle holds plain files only.")
        content = b"" if status.st_size > room else stream.read(room + 1)
    if status.st_size > room or len(content) > room:
        raise InvalidBundle(
            f"{file} makes the bundle larger than {LARGEST_BUNDLE} bytes, the most it may hold."
        )
    return content
