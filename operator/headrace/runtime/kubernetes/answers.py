"""What the API server answers: objects, changes, and refusals as Headrace's own errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from headrace.errors import Conflict, HeadraceError, NotFound, PermanentError, PlatformUnavailable
from headrace.runtime.kubernetes.json_values import mappings
from headrace.runtime.kubernetes.kinds import Kind
from headrace.runtime.kubernetes.nesting import shallow_text

Object = dict[str, Any]

_TEMPORARY = (401, 408, 429)
"""Codes below 500 that the same request may not meet again; a token may be renewed, too."""


class NoAnswer(PlatformUnavailable):
    """The API server does not answer, or has no time: other requests would fare no better."""


class NamespaceEnding(PlatformUnavailable):
    """The namespace is being deleted: nothing can be made there any more."""


class Expired(PlatformUnavailable):
    """The version from which to go on is forgotten by the API server: list again."""


class Changes:
    """The changes to some objects, as they come, until the server or somebody else ends it."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[tuple[str, Object]]:
        """Give kind of change and object: `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`.

        Raises:
            Expired: The version to go on from is forgotten.
            PlatformUnavailable: The connection broke, or the server gave up.
        """
        rest = b""
        try:
            for chunk in self._response.stream(2**16):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield _change(line)
        except (HTTPError, OSError, AttributeError) as error:
            # AttributeError: a TLS connection that was interrupted while it was read.
            raise PlatformUnavailable(f"A watch of the API server broke off: {error}.") from error

    def interrupt(self) -> None:
        """Have whoever iterates over them come to an end; for another thread."""
        with contextlib.suppress(HTTPError, OSError, ValueError, RuntimeError):
            self._response.shutdown()

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def decoded(text: bytes) -> Any:
    """Read JSON, less what is nested too deeply; or give the beginning of a text that is none."""
    try:
        return orjson.loads(text)
    except ValueError:
        pass  # no JSON, or deeper than it is read
    try:
        return orjson.loads(shallow_text(text))
    except ValueError:
        return text.decode(errors="replace")[:500]


def refusal(
    verb: str, kind: Kind, path: str, code: int, headers: Mapping[str, str], body: Any
) -> HeadraceError:
    """Give the error for an answer that is none of success.

    Args:
        verb: What was asked, as permissions say it.
        kind: Of what.
        path: Where.
        code: The answer's.
        headers: The answer's.
        body: The answer's, decoded.
    """
    said = str(body.get("message", "")) if isinstance(body, dict) else str(body)
    said = " ".join(said.split()).rstrip(".") or f"code {code}"
    match code:
        case 404 if not isinstance(body, dict):
            return NotFound(f"The cluster has no {kind}s of {kind.api_version}: install their CRD.")
        case 404:
            return NotFound(f"The API server has nothing at {path}: {said}.")
        case 409:
            return Conflict(f"{kind}: {said}.")
        case 410:
            return Expired(said)
        case 403 if _is_ending(body):
            return NamespaceEnding(f"{kind}: {said}.")
        case 403:
            return PermanentError(
                f"Headrace may not {verb} {kind.plural}: {said}. Its ClusterRole or Role must "
                "allow it."
            )
        case _ if code in _TEMPORARY or code >= 500:
            message = f"The API server cannot {verb} {kind.plural} now: {said}."
            return NoAnswer(message, _seconds(headers.get("Retry-After")))
        case _:
            return PermanentError(f"The API server refused to {verb} the {kind}: {said}.")


def _is_ending(body: object) -> bool:
    """Tell whether what was asked is forbidden because its namespace is being deleted."""
    causes = mappings(body, "details", "causes")
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _change(line: bytes) -> tuple[str, Object]:
    change = decoded(line)
    found = change.get("object") if isinstance(change, dict) else None
    if not isinstance(found, dict):
        raise PlatformUnavailable("A watch of the API server gave something that is no change.")
    if change.get("type") == "ERROR":
        message = str(found.get("message", "no reason"))
        if found.get("code") == 410:
            raise Expired(message)
        raise PlatformUnavailable(f"The API server ended a watch: {message}.")
    return str(change.get("type")), found


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() and text != "0" else 1.0
