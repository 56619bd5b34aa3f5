"""The journal of a rollout on one machine: one `TickRecord` a line, as JSON.

It is for reports and for `headrace watch`. The rollout itself never reads it, so a journal that
is lost or cut costs pictures and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from headrace.api import TickRecord
from headrace.errors import InvalidInput, TemporaryError

_BLOCK = 64 * 1024


def append_record(path: Path, record: TickRecord) -> None:
    """Add one line; a line that a crash has cut off is removed first.

    Args:
        path: The journal; made with its folder when it is not there.
        record: The tick.

    Raises:
        TemporaryError: The disk did not take it; the lines before it are as they were.
    """
    line = record.model_dump_json().encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            _mend(file)
            written = file.write(line)
            if written != len(line):
                raise OSError(None, f"only {written} of {len(line)} bytes were taken")
    except OSError as error:
        raise TemporaryError(
            f"The journal {path} could not be written: {error.strerror}. "
            "The rollout goes on; its report will miss this moment. Free some space."
        ) from error


def read_journal(path: Path) -> list[TickRecord]:
    """Read all records in the order in which they were written.

    A last line without its line end was cut off by a crash, or is being written: it counts when
    it is whole and is left out when it is not.

    Args:
        path: The journal; one that is not there has no records, as before the first tick.

    Raises:
        InvalidInput: A line is damaged; the message names it.
    """
    records = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    records.append(TickRecord.model_validate_json(line))
                except ValidationError as error:
                    if not line.endswith(b"\n"):
                        break
                    raise _damaged(path, number, error) from error
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidInput(f"The journal {path} cannot be read: {error.strerror}.") from error
    return records


def _damaged(path: Path, number: int, error: ValidationError) -> InvalidInput:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    problem = f"{where}: {first['msg']}" if where else first["msg"]
    return InvalidInput(
        f"Line {number} of the journal {path} is damaged ({problem}). Expected one tick as JSON. "
        "Remove the line to go without that moment, or the file to go without the journal."
    )


def _mend(file: BinaryIO) -> None:
    """Make the file end with a whole line."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return
    start, tail = size, b""
    while start > 0 and b"\n" not in tail:
        step = min(_BLOCK, start)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    torn = tail[tail.rfind(b"\n") + 1 :]
    try:
        TickRecord.model_validate_json(torn)
    except ValidationError:
        file.truncate(size - len(torn))
    else:
        file.write(b"\n")
