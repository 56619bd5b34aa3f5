"""One request at a time to a model server of this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from headrace.errors import PlatformUnavailable
from headrace.protocol import PREDICTIONS
from headrace.serving.request import Cell

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the document if it is JSON."""

    status: int
    document: Any


def ask(url: str, body: bytes) -> Answer:
    """Send a prediction request.

    Raises:
        PlatformUnavailable: Nobody answers.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
    try:
        connection.request("POST", PREDICTIONS, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise PlatformUnavailable(f"{url} does not answer: {error or repr(error)}.") from error
    finally:
        connection.close()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    return Answer(response.status, document)


def body_of(columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """Write columns as one request.

    Args:
        columns: Equally many values in each.
    """
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"data": {"names": list(columns), "ndarray": rows}}).encode()
