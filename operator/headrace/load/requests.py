"""Requests to send: JSON lines, each `{column: value}` or `{"request": {...}, "label": ...}`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.errors import InvalidData, NotFound


@dataclass(frozen=True, slots=True)
class Line:
    """One request.

    Attributes:
        body: The request's JSON in the Seldon protocol, encoded once.
        label: What turned out to be true: 0 or 1, a text, or a number; None where nobody knows.
        tolerance: Of a number: an answer that is no farther from the label is right.
    """

    body: bytes
    label: float | str | None
    tolerance: float | None = None


def read_lines(path: Path) -> tuple[Line, ...]:
    """Read a file of requests.

    Raises:
        NotFound: There is no such file.
        InvalidData: A line is no request, or there is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no file of requests {path}.") from None
    except UnicodeDecodeError as error:
        raise InvalidData(f"{path} is not UTF-8 at byte {error.start}; expected JSON.") from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidData(f"{path}, line {number}: not JSON: {error.msg}.") from error
        except (ValueError, RecursionError) as error:
            # A number of thousands of digits; a list that is nested as deep.
            raise InvalidData(f"{path}, line {number}: not JSON: {error}.") from error
        if not isinstance(entry, Mapping) or not entry:
            raise InvalidData(f"{path}, line {number}: expected an object {{column: value}}.")
        told = entry if "request" in entry else {}
        label, tolerance = told.get("label"), told.get("tolerance")
        columns = entry.get("request", entry)
        if not isinstance(columns, Mapping):
            raise InvalidData(f"{path}, line {number}: `request` must be an object.")
        if not _is_label(label) or not _is_distance(tolerance):
            raise InvalidData(
                f"{path}, line {number}: `label` must be a text or a number, and `tolerance` a "
                "number from 0 on."
            )
        known = label if isinstance(label, str | None) else float(label)
        lines.append(Line(encode(columns), known, tolerance))
    if not lines:
        raise InvalidData(f"{path} has no requests.")
    return tuple(lines)


def _is_label(value: object) -> bool:
    if value is None or isinstance(value, str):
        return True
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _is_distance(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def encode(columns: Mapping[str, Any]) -> bytes:
    """Write one row in the Seldon protocol."""
    data = {"names": list(columns), "ndarray": [list(columns.values())]}
    return json.dumps({"data": data}).encode()
