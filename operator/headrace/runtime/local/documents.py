"""Files that other processes watch: written beside and moved in, only when they differ."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def publish(path: Path, document: Any) -> bool:
    """Put a JSON document where a process watches for it, as a whole or not at all.

    The parent of its directory is used to write it first: a watcher of the directory sees one
    event, the move.

    Args:
        path: Where.
        document: What `json` can write.

    Returns:
        Whether the file changed.

    Raises:
        OSError: The disk did not take it; the old file is still there.
    """
    content = json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"
    if path.exists() and path.read_bytes() == content:
        return False
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return True
