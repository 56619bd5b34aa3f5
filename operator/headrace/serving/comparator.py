"""The process that compares a mirrored candidate's answers with the stable version's.

    python -m headrace.serving.comparator --stable http://127.0.0.1:6100 \
        --candidate http://127.0.0.1:6101 --port 6200 \
        --model flight-delay --stable-version 1 --candidate-version 2

It reads the rings of both arms and exports counters. It decides nothing. A host may stand for many
servers, as a headless Service does: its addresses are looked up anew in every round.
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from headrace.serving.counters import Sample
from headrace.serving.exposition import metrics_page, serve
from headrace.serving.joining import Arm, Join
from headrace.serving.refusal import refusing
from headrace.serving.rings import Rings, RingSource

logger = logging.getLogger(__name__)


class Comparator:
    """Reads all rings in rounds and joins them.

    Args:
        rings: Of both arms.
        join: What counts.
    """

    def __init__(self, rings: Sequence[Rings[Arm]], join: Join) -> None:
        self._rings = rings
        self._join = join
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(max_workers=16)

    def round(self, now: float) -> None:
        """Read every ring once, all at the same time, so that a dead one delays nobody.

        Args:
            now: Seconds of a clock that never goes back.
        """
        found = [(rings.whose, rings.sources()) for rings in self._rings]
        sources = [source for _, those in found for source in those]
        results = list(self._readers.map(RingSource.read, sources))
        with self._lock:
            for arm, those in found:
                self._join.ring_errors[arm] += not those
            for source, (pages, well) in zip(sources, results, strict=True):
                if not well:
                    self._join.ring_errors[source.whose] += 1
                for page in pages:
                    self._join.add(source.whose, page.page.answers, page.output, now)

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
        rings = [
            *(Rings[Arm]("stable", url) for url in options.stable.split(",")),
            *(Rings[Arm]("candidate", url) for url in options.candidate.split(",")),
        ]
        labels = {
            "model": options.model,
            "version": options.candidate_version,
            "stable_version": options.stable_version,
        }
        comparator = Comparator(rings, Join(labels))
        pages = {"/metrics": metrics_page(comparator.samples)}
        port = serve(options.host, options.port, pages)
    logger.info("comparing %d hosts, metrics on %s:%d", len(rings), options.host, port)
    while not ended.is_set():
        comparator.round(time.monotonic())
        ended.wait(options.interval)
    comparator.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headrace.serving.comparator", description=__doc__)
    parser.add_argument(
        "--stable", required=True, help="http://host:port of all its servers, with commas between"
    )
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
