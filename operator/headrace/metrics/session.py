"""The HTTP session that prometheus-api-client speaks through.

What the library leaves to the session: a query in the body, as thousands of names are too long for
an address; credentials that are read again each time; an answer that must be complete in time;
and what the server's clock says.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth

from headrace.metrics.access import Access
from headrace.metrics.clock import ServerClock
from headrace.metrics.series import SeriesReader

_PIECE = 1 << 18
"""Bytes of an answer between two looks at the clock."""

LARGEST = 256 << 20
"""Bytes of an answer, decompressed; ten times what a thousand rollouts need."""


class TooLargeError(requests.exceptions.RequestException):
    """An answer has more bytes than any that makes sense."""


class CredentialsError(Exception):
    """A file with a secret or a certificate cannot be used; the text has no secret."""


class Credentials(AuthBase):
    """Signs requests with what the files say now.

    Args:
        access: Names the files.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._secrets: tuple[str, ...] = ()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request.

        Raises:
            CredentialsError: A file cannot be read, or has no secret.
        """
        access = self._access
        if access.token_file is not None:
            token = _secret(access.token_file, ascii_only=True)
            request.headers["Authorization"] = f"Bearer {token}"
            self._secrets = (token,)
        elif access.password_file is not None:
            password = _secret(access.password_file)
            HTTPBasicAuth(access.username.encode(), password.encode())(request)
            self._secrets = (password, request.headers["Authorization"].removeprefix("Basic "))
        return request

    def hide(self, text: str) -> str:
        """Give a text without the secret, whoever wrote it there."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _secret(file: Path, *, ascii_only: bool = False) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CredentialsError(f"the file {file} cannot be read: {reason}") from error
    if not text or not text.isprintable() or (ascii_only and not text.isascii()):
        raise CredentialsError(f"the file {file} has no secret of one line in it")
    return text


class Answer(requests.Response):
    """An answer that is here as a whole.

    Args:
        response: What its head said.
        body: Decompressed.
        raw: Whether objects stay objects, also where they are series.
    """

    def __init__(self, response: requests.Response, body: bytearray, *, raw: bool) -> None:
        super().__init__()
        self._raw = raw
        self.status_code = response.status_code
        self.headers = response.headers
        self._body = body

    @property
    def content(self) -> bytes:
        """The body."""
        return bytes(self._body)

    def json(self, **options: Any) -> Any:
        """Read the body, which is JSON in UTF-8; once, as it is let go of.

        Returns:
            With a `Series` in place of every object that is one, unless it is raw.

        Raises:
            ValueError: It is no JSON, or a sample is no number.
            TypeError: A sample is none.
        """
        text = self._body.decode()
        self._body = bytearray()
        return json.loads(text, object_hook=None if self._raw else SeriesReader(), **options)


class QuerySession(requests.Session):
    """Posts queries in the body and gives answers up that take too long.

    Args:
        access: Where to, and how.
        credentials: Sign every request.
        clock: Is told what the server's clock says.
        timeout: Seconds for the whole of an answer.
        raw: As of an `Answer`.
    """

    def __init__(
        self,
        access: Access,
        credentials: Credentials,
        clock: ServerClock,
        timeout: float,
        *,
        raw: bool = False,
    ) -> None:
        super().__init__()
        self._raw = raw
        self._clock, self._timeout = clock, timeout
        self.auth = credentials
        self.headers.update(access.headers)
        self.verify = str(access.ca_file) if access.ca_file else not access.insecure
        if access.insecure:
            # Said once, by whoever asked for it; not with every query.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if access.cert_file:
            key = access.key_file
            self.cert = (str(access.cert_file), str(key)) if key else str(access.cert_file)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a query and wait for all of its answer.

        Raises:
            requests.exceptions.RequestException: There is none in time, or far too much of it.
            CredentialsError: It cannot be signed.
        """
        sent = time.monotonic()
        # A redirection would lead to a page for people, or take the credentials elsewhere.
        options |= {"stream": True, "allow_redirects": False, "timeout": self._timeout}
        options["auth"] = self.auth
        if method == "POST":
            options["data"] = options.pop("params", None)
        body = bytearray()
        with super().request(method, url, *args, **options) as response:
            self._clock.note(response.headers.get("Date", ""), sent, time.monotonic())
            for piece in response.iter_content(_PIECE):
                body += piece
                if len(body) > LARGEST:
                    raise TooLargeError
                if time.monotonic() - sent > self._timeout:
                    raise requests.exceptions.ReadTimeout("the answer trickles in")
        return Answer(response, body, raw=self._raw)
