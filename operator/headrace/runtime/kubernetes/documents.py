"""ModelRollouts as they are kept in memory: as packed text, read when somebody asks for a part.

A status is ten times as large as a tree of Python objects as it is as JSON, that is twice as large
as packed, and most ticks need no more of it than whether it has changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from headrace.runtime.kubernetes.json_values import mapping, packed

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_QUICKLY = 1
"""The least effort, 40 us for a status; the most makes it 7 per cent smaller."""


class Document(Mapping[str, Any]):
    """An object of the API server, without the record of who has which of its fields."""

    __slots__ = ("_metadata", "_parts")

    def __init__(self, thing: Mapping[str, Any]) -> None:
        """Keep an object.

        Args:
            thing: As the API server gives it.
        """
        metadata = {k: v for k, v in mapping(thing, "metadata").items() if k != "managedFields"}
        annotations = mapping(metadata, "annotations")
        if _LAST_APPLIED in annotations:
            metadata["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
        self._metadata = metadata
        self._parts = {
            name: zlib.compress(packed(part), _QUICKLY)
            for name, part in thing.items()
            if name != "metadata"
        }

    def __getitem__(self, name: str) -> Any:
        """Read a part, such as `spec`; every time anew."""
        if name == "metadata":
            return self._metadata
        return orjson.loads(zlib.decompress(self._parts[name]))

    def __iter__(self) -> Iterator[str]:
        """Give the names of the parts."""
        yield "metadata"
        yield from self._parts

    def __len__(self) -> int:
        """Give the number of parts."""
        return 1 + len(self._parts)
