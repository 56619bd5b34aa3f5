"""Files that commands write where a person says."""

from __future__ import annotations

from pathlib import Path

from headrace.errors import InvalidInput


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8; its folder is made where it is missing.

    Raises:
        InvalidInput: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> InvalidInput:
    """Say that a path that a person named cannot be written."""
    return InvalidInput(f"{path} cannot be written: {error.strerror or error}.")
