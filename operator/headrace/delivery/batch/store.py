"""Where the partitions of a batch go: a folder on the disk or in an object store.

A partition is done when its JSON file is there, which is written after its rows. So a run that was
interrupted anywhere goes on with the first partition that is not done.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd

from headrace.errors import Conflict, InvalidInput, PlatformUnavailable

IDENTITY, SUMMARY = "batch.json", "summary.json"


class BatchStore:
    """One batch's folder."""

    def __init__(self, uri: str) -> None:
        """Find the storage; nothing is written yet.

        Args:
            uri: A path, `file://`, `s3://`, `gs://` or another that fsspec writes.

        Raises:
            InvalidInput: Nothing here writes such a uri.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise InvalidInput(f"Predictions cannot be written to {uri}: {error}.") from error
        self.uri = uri

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Begin a batch here, or go on with the same one.

        Args:
            identity: What makes it the same: bundle, rows, partitions.

        Raises:
            Conflict: Another batch is here.
            PlatformUnavailable: The storage does not answer.
        """
        known = self._read(IDENTITY)
        if known is None:
            self._write(IDENTITY, json.dumps(identity, indent=1).encode())
        elif known != identity:
            differ = ", ".join(
                sorted(
                    name for name in {*known, *identity} if known.get(name) != identity.get(name)
                )
            )
            raise Conflict(
                f"{self.uri} has the predictions of another batch: {differ} differ. "
                "Name a folder of its own for each batch."
            )

    def done(self, number: int) -> dict[str, Any] | None:
        """Give what is known of a partition that is done; None if it is not."""
        return self._read(f"{_name(number)}.json")

    def write(self, number: int, rows: pd.DataFrame, known: Mapping[str, Any]) -> None:
        """Keep a partition: its rows first, then what is known of it.

        Raises:
            PlatformUnavailable: The storage did not take it.
        """
        with tempfile.TemporaryDirectory(prefix="headrace-batch-") as directory:
            file = Path(directory) / "rows.parquet"
            rows.to_parquet(file, index=False)
            self._write(f"{_name(number)}.parquet", file.read_bytes())
        self._write(f"{_name(number)}.json", json.dumps(known, allow_nan=False).encode())

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Keep the summary, which says that all partitions are done."""
        self._write(SUMMARY, json.dumps(summary, indent=1, allow_nan=False).encode())

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            content = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PlatformUnavailable(f"{self.uri} cannot be read: {error}.") from error
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            return None  # cut off by a crash, where files are not replaced as a whole
        return document if isinstance(document, dict) else None

    def _write(self, name: str, content: bytes) -> None:
        try:
            self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(f"{self._root}/{name}", content)
        except OSError as error:
            raise PlatformUnavailable(f"{self.uri} cannot be written: {error}.") from error


def _name(number: int) -> str:
    return f"part-{number:06d}"
