"""A run's folder belongs to one process."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO

from headrace.errors import Conflict, SetupError


class Claim:
    """Holds a folder until it is released or the process ends, however it ends.

    Args:
        folder: Made if it is not there.

    Raises:
        Conflict: Another process holds it.
        SetupError: It cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._file: TextIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = (folder / "claim").open("a")
        except OSError as error:
            raise SetupError(
                f"The folder {folder} cannot be used: {error.strerror}. Choose another one, or "
                "make room and give yourself the right to write there."
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise Conflict(
                f"Another Headrace runs in {folder}: stop it, or choose another folder."
            ) from error
        self._file = file

    def release(self) -> None:
        """Let others have the folder. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None
