"""Takes what model servers have answered from their pages `/answers` into the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from headrace.labels.records import LARGEST, Prediction
from headrace.labels.store import LabelStore
from headrace.serving.answers import AnswersPage
from headrace.serving.ring import LONGEST_ID, MOST_ROWS
from headrace.serving.rings import Rings

MOST_HELD = 100_000
"""Answers that wait for a database that does not answer, some 50 MB; the oldest are given up."""

_ROOM = LONGEST_ID - len(f"/{MOST_ROWS - 1}")
"""Characters of an id that are left beside the number of a row."""


@dataclass(frozen=True)
class Round:
    """What one round over all servers has brought.

    Attributes:
        servers: How many there are.
        silent: How many of them did not answer.
        recorded: Answers that were recorded; what was known already among them.
        missed: Answers that were gone before they were read: the rounds are too far apart.
        unusable: Answers that are no predictions: a probability of 2, a number that is none.
    """

    servers: int = 0
    silent: int = 0
    recorded: int = 0
    missed: int = 0
    unusable: int = 0


class Collector:
    """Reads the rings of all servers in rounds.

    A collector that is started anew reads again what servers still have; what is known is not
    recorded twice.

    Args:
        store: Takes the answers.
        urls: Of metrics ports, as `http://host:port`. A host may stand for many servers, as a
            headless Service does: its addresses are looked up anew in every round.
        copied: Versions that answer copies, which nobody sees.

    Raises:
        InvalidInput: An address is none.
    """

    def __init__(
        self, store: LabelStore, urls: Sequence[str], copied: Collection[str] = ()
    ) -> None:
        self._store, self._copied = store, frozenset(copied)
        self._rings = [Rings(url, url) for url in urls]
        self._held: list[Prediction] = []

    def round(self, now: float) -> Round:
        """Read what is new on every server, and record it.

        Args:
            now: Unix seconds: when it was answered, as nearly as is known.

        Raises:
            PlatformUnavailable: The database does not answer. What was read is kept for the next
                round.
        """
        sources = [source for rings in self._rings for source in rings.sources()]
        silent = missed = unusable = 0
        for source in sources:
            before = source.missed
            pages, well = source.read()
            silent += not well
            missed += source.missed - before
            for page in pages:
                answered = list(self._predictions(page, now))
                usable = [each for each in answered if each is not None]
                unusable += len(answered) - len(usable)
                self._held += usable
        missed += max(0, len(self._held) - MOST_HELD)
        self._held = self._held[-MOST_HELD:]
        recorded = len(self._held)
        if self._held:
            self._store.record_predictions(self._held, now)
            self._held = []
        return Round(len(sources), silent, recorded, missed, unusable)

    def _predictions(self, page: AnswersPage, now: float) -> Iterator[Prediction | None]:
        """Give an answer's rows each by itself; None for what is no prediction."""
        for _, request_id, answer in page.page.answers:
            if not isinstance(answer, list):
                yield self._prediction(page, request_id, answer, now)
                continue
            rows: Sequence[float | str] = answer
            for row, value in enumerate(rows):
                yield self._prediction(page, f"{request_id[:_ROOM]}/{row}", value, now)

    def _prediction(
        self, page: AnswersPage, request_id: str, value: float | str, now: float
    ) -> Prediction | None:
        kind, threshold = page.output.kind, page.output.threshold
        if not (page.version and request_id.isprintable() and _is_usable(value, kind)):
            return None
        copied = page.version in self._copied
        at = 0.5 if threshold is None else threshold
        return Prediction(request_id, page.version, value, now, kind, at, copied)


def _is_usable(value: float | str, kind: str) -> bool:
    if isinstance(value, str):
        return value.isprintable()
    # Neither holds for what is no number.
    return 0 <= value <= 1 if kind == "probability" else abs(value) <= LARGEST
