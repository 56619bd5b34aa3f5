"""Files that others watch or upload: there as a whole or not at all, and not touched when right."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from headrace.errors import PlatformUnavailable


def publish(file: Path, text: str) -> bool:
    """Have a file say this.

    Args:
        file: Its directory is made where it is missing.
        text: All of it.

    Returns:
        Whether it had to be written: one that says so already keeps its time.

    Raises:
        PlatformUnavailable: The disk did not take it; what was there is as it was.
    """
    content = text.encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and file.read_bytes() == content:
            return False
        _replace(file, content)
    except OSError as error:
        raise PlatformUnavailable(f"{file} cannot be written: {error}.") from error
    return True


def _replace(file: Path, content: bytes) -> None:
    # A dot in front: who watches the directory for *.yaml never sees the unfinished file.
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o644)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
