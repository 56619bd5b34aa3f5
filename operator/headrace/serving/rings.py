"""Reads the rings of servers that are elsewhere, each from where the last read ended."""

from __future__ import annotations

import http.client
import logging
import socket
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from headrace.errors import InvalidInput, MetricsUnavailable
from headrace.serving.answers import AnswersPage, parse_answers
from headrace.serving.ring import PAGE

LARGEST_PAGE = 8 * 1024**2
MOST_PAGES = 20
"""Pages that are read from one ring in one round: more than a ring holds."""

_TIMEOUT = 2.0

logger = logging.getLogger(__name__)

Whose = TypeVar("Whose", bound=str)
"""What tells one reader's servers apart, such as their arm."""


class RingSource(Generic[Whose]):
    """Reads one server's ring from where the last read ended.

    Args:
        whose: What its reader calls it.
        url: Of the server's metrics port, as `http://host:port`.

    Attributes:
        missed: Answers that were gone before they were read, since the first read.

    Raises:
        InvalidInput: The address is no such URL.
    """

    def __init__(self, whose: Whose, url: str) -> None:
        self.whose = whose
        self.url = url
        self.missed = 0
        self._host, self._port = _address(url)
        self._boot = ""
        self._after = 0
        self._reachable = True

    @property
    def address(self) -> tuple[str, int]:
        """Its host and port."""
        return self._host, self._port

    def read(self) -> tuple[list[AnswersPage], bool]:
        """Read what is new.

        Returns:
            The pages, and whether all was well. Pages that came before a failure are good.
        """
        pages: list[AnswersPage] = []
        try:
            while len(pages) < MOST_PAGES:
                page = self._page()
                if page is not None:
                    pages.append(page)
                    if len(page.page.answers) < PAGE:
                        break
        except MetricsUnavailable as error:
            self._report(reachable=False, text=str(error))
            return pages, False
        self._report(reachable=True, text="it answers again")
        return pages, True

    def _page(self) -> AnswersPage | None:
        """Read one page; None when the server has another ring than before."""
        found = parse_answers(self._get(f"/answers?after={self._after}"))
        first = not self._boot
        if found.page.boot != self._boot:
            fresh = self._after == 0
            self._boot, self._after = found.page.boot, 0
            if not fresh:
                return None
        if found.page.answers and not first:
            self.missed += max(0, found.page.answers[0][0] - self._after - 1)
        self._after = found.page.next
        return found

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            content = response.read(LARGEST_PAGE + 1)
        except (OSError, http.client.HTTPException) as error:
            raise MetricsUnavailable(f"No answer: {error!r}.") from error
        finally:
            connection.close()
        if response.status != 200 or len(content) > LARGEST_PAGE:
            raise MetricsUnavailable(f"Status {response.status} with {len(content)} bytes.")
        return content

    def _report(self, *, reachable: bool, text: str) -> None:
        if reachable != self._reachable:
            logger.warning("ring of %s at %s: %s", self.whose, self.url, text)
        self._reachable = reachable


class Rings(Generic[Whose]):
    """The rings of all servers behind one host.

    Args:
        whose: What their reader calls them.
        url: Of their metrics ports, as `http://host:port`.

    Raises:
        InvalidInput: The address is no such URL.
    """

    def __init__(self, whose: Whose, url: str) -> None:
        self.whose = whose
        self._host, self._port = RingSource(whose, url).address
        self._known: dict[str, RingSource[Whose]] = {}

    def sources(self) -> list[RingSource[Whose]]:
        """Give the rings that are there now; none if the host has no address just now."""
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            logger.warning("rings of %s at %s: %s", self.whose, self._host, error)
            found = []
        hosts = sorted({str(address[0]) for *_, address in found})
        # A server that stays keeps its source, which knows what was read already.
        self._known = {host: self._known.get(host) or self._source(host) for host in hosts}
        return list(self._known.values())

    def _source(self, host: str) -> RingSource[Whose]:
        named = f"[{host}]" if ":" in host else host
        return RingSource(self.whose, f"http://{named}:{self._port}")


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass  # brackets that do not match, or a port that is no number
    raise InvalidInput(f"{url!r} is no address of a ring; expected http://host:port.")
