"""The last predictions of a share of the requests, for a comparison with another arm's.

Which requests are kept depends on their id alone, so every arm and every process keeps the same.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

LONGEST_ID = 128
"""Characters of a request id that are kept; what comes after does not count."""

LONGEST_LABEL = 128
MOST_ROWS = 10
"""Predictions of one request that are kept; a request of more rows is compared on these."""

CAPACITY = 8192
PAGE = 1000
"""Answers in one page at most."""

Prediction: TypeAlias = float | str | list[float] | list[str]
"""One value for a request of one row, else a list of at most `MOST_ROWS`."""

Answer: TypeAlias = tuple[int, str, Prediction]
"""A sequence number from 1, the request's id, and what was predicted."""


@dataclass(frozen=True)
class Page:
    """Some of a ring's answers, the oldest first.

    Attributes:
        boot: Names the ring: another one after a restart, with sequence numbers from 1 again.
        answers: At most `PAGE`.
        next: What to ask for `after` the next time.
    """

    boot: str
    answers: list[Answer]
    next: int


class Ring:
    """Keeps the last answers; safe to use from several threads.

    Args:
        share: Of the request ids, 0 to 1.
        capacity: How many answers at most; the oldest go first.
    """

    def __init__(self, share: float, capacity: int = CAPACITY) -> None:
        self.boot = secrets.token_hex(8)
        self._share = share
        self._answers: deque[Answer] = deque(maxlen=capacity)
        self._sequence = 0
        self._lock = threading.Lock()

    def add(self, request_id: str, predictions: list[float] | list[str]) -> None:
        """Keep what was predicted, if the id is of the chosen share.

        Args:
            request_id: What the request is called on every arm; empty when it has no id, and then
                nothing is kept, because no other arm's answer could be found.
            predictions: One for each row of the request, at least one.
        """
        request_id = request_id[:LONGEST_ID]
        if not request_id or not is_chosen(request_id, self._share):
            return
        prediction = _kept(predictions)
        with self._lock:
            self._sequence += 1
            self._answers.append((self._sequence, request_id, prediction))

    def page(self, after: int) -> Page:
        """Give the answers with sequence numbers above `after`, as many as fit into a page."""
        with self._lock:
            # The numbers have no gaps, so the place of the first wanted one can be computed.
            first = self._answers[0][0] if self._answers else 1
            start = max(0, after + 1 - first)
            answers = list(itertools.islice(self._answers, start, start + PAGE))
        return Page(self.boot, answers, answers[-1][0] if answers else after)


def is_chosen(request_id: str, share: float) -> bool:
    """Say whether an id is of the chosen share, by its SHA-256."""
    if share >= 1:
        return True
    hashed = hashlib.sha256(request_id.encode(errors="replace")).digest()
    return int.from_bytes(hashed[:8], "big") < share * 2**64


def _kept(predictions: list[float] | list[str]) -> Prediction:
    kept = [
        value[:LONGEST_LABEL] if isinstance(value, str) else value
        for value in predictions[:MOST_ROWS]
    ]
    return kept[0] if len(predictions) == 1 else kept  # type: ignore[return-value]
