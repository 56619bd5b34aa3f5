"""The bytes of a skops file without what changes from run to run, so that digests stay the same.

skops names the parts of a model by the addresses that they had in memory, and dates each file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

_SCHEMA = "schema.json"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def canonical(content: bytes) -> bytes:
    """Write a skops file anew: parts counted instead of addressed, and no dates.

    Args:
        content: As skops wrote it.

    Returns:
        A file that skops loads to the same model.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    counter = _Counter()
    schema = counter.renamed(json.loads(files.pop(_SCHEMA)))
    # Arrays that no part names would be left over under their addresses.
    parts = {counter.files[name]: files[name] for name in files if name in counter.files}
    text = json.dumps(schema, indent=1, ensure_ascii=False, allow_nan=True).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in [*sorted(parts.items()), (_SCHEMA, text)]:
            archive.writestr(zipfile.ZipInfo(name, _EARLIEST), part, zipfile.ZIP_DEFLATED)
    return written.getvalue()


class _Counter:
    """Gives each address and each file a number, in the order in which they are met."""

    def __init__(self) -> None:
        self._identities: dict[Any, int] = {}
        self.files: dict[str, str] = {}

    def renamed(self, node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: self._value(key, value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.renamed(each) for each in node]
        return node

    def _value(self, key: str, value: Any) -> Any:
        if key == "__id__" and isinstance(value, int):
            return self._identities.setdefault(value, len(self._identities) + 1)
        if key == "file" and isinstance(value, str):
            suffix = value.rpartition(".")[2]
            return self.files.setdefault(value, f"{len(self.files) + 1:06d}.{suffix}")
        return self.renamed(value)
