"""HTTP GET to a process of this machine: no proxy, no redirect, little time, bounded size."""

from __future__ import annotations

import http.client
import json
from typing import Any

from headrace.errors import PlatformUnavailable
from headrace.runtime.local.ports import LOOPBACK

LARGEST_ANSWER = 32 * 1024**2


def get(port: int, path: str, timeout: float = 0.5) -> bytes:
    """Give the body of an answer with status 200.

    Args:
        port: Of the loopback interface.
        path: With its query.
        timeout: Seconds for each wait.

    Raises:
        PlatformUnavailable: Nobody answers in time, or with another status, or too much.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    where = f"{LOOPBACK}:{port}{path}"
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise PlatformUnavailable(f"{where} does not answer: {error or repr(error)}.") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise PlatformUnavailable(f"{where} answers with status {answer.status}.")
    if len(body) > LARGEST_ANSWER:
        raise PlatformUnavailable(f"{where} answers with more than {LARGEST_ANSWER} bytes.")
    return body


def get_json(port: int, path: str, timeout: float = 0.5) -> Any:
    """Give the JSON of an answer with status 200.

    Raises:
        PlatformUnavailable: As `get`, or the answer is no JSON.
    """
    body = get(port, path, timeout)
    try:
        return json.loads(body)
    except ValueError as error:
        raise PlatformUnavailable(f"{LOOPBACK}:{port}{path} answers no JSON: {error}.") from error
