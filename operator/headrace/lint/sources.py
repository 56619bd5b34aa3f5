"""The texts to lint: files, folders and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.api.documents import read_text
from headrace.api.yaml_text import LARGEST

STDIN = "-"
_ENDINGS = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class Source:
    """A text.

    Attributes:
        name: As it was named, or found in a folder.
        text: All of it.
        named: Whether it was named itself; in folders, files without a rollout are passed over.
    """

    name: str
    text: str
    named: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, and why."""

    name: str
    problem: str


def read_sources(names: Sequence[str]) -> Iterator[Source | Unread]:
    """Read what was named; folders are searched for YAML and JSON, hidden ones left out.

    Args:
        names: Paths, or `-` for standard input.
    """
    for name in names:
        path = Path(name)
        if name == STDIN:
            yield _stdin()
        elif os.path.isdir(path):  # noqa: PTH112 - a name may be too long to be looked for
            for file in sorted(_files(path)):
                yield _file(file, named=False)
        else:
            yield _file(path, named=True)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _ENDINGS and not hidden and path.is_file():
            yield path


def _file(path: Path, *, named: bool) -> Source | Unread:
    try:
        return Source(str(path), read_text(path), named)
    except FileNotFoundError:
        return Unread(str(path), "there is no such file")
    except UnicodeDecodeError as error:
        return Unread(str(path), _undecodable(error))
    except OSError as error:
        return Unread(str(path), f"cannot be read: {error.strerror}")


def _stdin() -> Source | Unread:
    raw = sys.stdin.buffer.read(LARGEST + 1)
    try:
        errors = "strict" if len(raw) <= LARGEST else "replace"
        return Source("(stdin)", raw.decode("utf-8", errors=errors), named=True)
    except UnicodeDecodeError as error:
        return Unread("(stdin)", _undecodable(error))


def _undecodable(error: UnicodeDecodeError) -> str:
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"is not UTF-8: line {line}, byte {error.start} {error.reason}"
