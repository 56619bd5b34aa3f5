"""The process that compares a mirrored candidate's answers with the stable version's.

    python -m headrace.serving.comparator --stable http://127.0.0.1:6100 \
        --candidate http://127.0.0.1:6101 --port 6200 \
        --model flight-delay --stable-version 1 --candidate-version 2

It reads the rings of both arms and exports counters. It decides nothing.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from headrace.errors import InvalidInput, MetricsUnavailable
from headrace.serving.answers import AnswersPage, parse_answers
from headrace.serving.counters import Sample
from headrace.serving.exposition import metrics_page, serve
from headrace.serving.joining import Arm, Join
from headrace.serving.refusal import refusing
from headrace.serving.ring import PAGE

LARGEST_PAGE = 8 * 1024**2
MOST_PAGES = 20
"""Pages that are read from one ring in one round: more than a ring holds."""

_TIMEOUT = 2.0

logger = logging.getLogger(__name__)


class RingSource:
    """Reads one server's ring from where the last read ended.

    Args:
        arm: Whose server it is.
        url: Of the server's metrics port, as `http://host:port`.

    Raises:
        InvalidInput: The address is no such URL.
    """

    def __init__(self, arm: Arm, url: str) -> None:
        self.arm = arm
        self.url = url
        parts = urlsplit(url)
        try:
            self._port = parts.port
        except ValueError:
            self._port = None
        if parts.scheme != "http" or not parts.hostname or not self._port:
            raise InvalidInput(f"{url!r} is no address of a ring; expected http://host:port.")
        self._host = parts.hostname
        self._boot = ""
        self._after = 0
        self._reachable = True

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
        if found.page.boot != self._boot:
            fresh = self._after == 0
            self._boot, self._after = found.page.boot, 0
            if not fresh:
                return None
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
            logger.warning("ring of %s at %s: %s", self.arm, self.url, text)
        self._reachable = reachable


class Comparator:
    """Reads all rings in rounds and joins them.

    Args:
        sources: The rings of both arms.
        join: What counts.
    """

    def __init__(self, sources: Sequence[RingSource], join: Join) -> None:
        self._sources = sources
        self._join = join
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(max_workers=min(16, len(sources)))

    def round(self, now: float) -> None:
        """Read every ring once, all at the same time, so that a dead one delays nobody.

        Args:
            now: Seconds of a clock that never goes back.
        """
        results = list(self._readers.map(RingSource.read, self._sources))
        with self._lock:
            for source, (pages, well) in zip(self._sources, results, strict=True):
                if not well:
                    self._join.ring_errors[source.arm] += 1
                for page in pages:
                    self._join.add(source.arm, page.page.answers, page.output, now)

    def samples(self) -> list[Sample]:
        """Give the counts of this moment."""
        with self._lock:
            return self._join.samples()

    def close(self) -> None:
        """Wait for the readers."""
        self._readers.shutdown()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal to end comes."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level="INFO")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with refusing():
        sources = [
            *(RingSource("stable", url) for url in options.stable.split(",")),
            *(RingSource("candidate", url) for url in options.candidate.split(",")),
        ]
        labels = {
            "model": options.model,
            "version": options.candidate_version,
            "stable_version": options.stable_version,
        }
        comparator = Comparator(sources, Join(labels))
        pages = {"/metrics": metrics_page(comparator.samples)}
        port = serve(options.host, options.port, pages)
    logger.info("comparing %d rings, metrics on %s:%d", len(sources), options.host, port)
    while not ended.is_set():
        comparator.round(time.monotonic())
        ended.wait(options.interval)
    comparator.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headrace.serving.comparator", description=__doc__)
    parser.add_argument("--stable", required=True, help="http://host:port, with commas between")
    parser.add_argument("--candidate", required=True, help="as --stable")
    parser.add_argument("--model", required=True)
    parser.add_argument("--stable-version", required=True)
    parser.add_argument("--candidate-version", required=True)
    parser.add_argument("--port", type=int, required=True, help="of /metrics; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="to bind, %(default)s by default")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two rounds")
    return parser


if __name__ == "__main__":
    main()
