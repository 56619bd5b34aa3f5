"""Keeps predictions until their labels come, and labels until their predictions do; bounded.

What is older than the window, or than the newest `capacity` records, is given up: its time becomes
the floor, and what comes later from below the floor is refused. So every label is used once for
each version that answered, whatever comes twice, out of order, or after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from headrace.errors import InvalidInput, PlatformUnavailable
from headrace.labels.books import COUNTS, Books
from headrace.labels.quality import Hour
from headrace.labels.records import Label, Prediction
from headrace.labels.tables import prepare

DAY = 86_400.0
WINDOW = 30 * DAY
CAPACITY = 1_000_000

_BATCH = 200
"""Records of one transaction: databases limit the variables of a statement."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class Reward:
    """Feedback that belongs to the version that answered.

    Attributes:
        request_id: Of the request.
        version: Who answered.
        reward: In [0, 1].
    """

    request_id: str
    version: str
    reward: float


class LabelStore:
    """The predictions and labels of one model in one database.

    Several processes may use the same database. Every method may raise PlatformUnavailable, when
    the database does not answer or another writer was quicker: the same call again is safe.
    """

    def __init__(
        self, url: str, model: str, window: float = WINDOW, capacity: int = CAPACITY
    ) -> None:
        """Open the database, and make the tables where they are missing.

        Args:
            url: As SQLAlchemy takes it, such as `sqlite:///labels.db`.
            model: The model's name.
            window: Seconds for which a record waits, > 0.
            capacity: Predictions, and as many labels, that are kept at most, > 0.

        Raises:
            InvalidInput: The address is none.
        """
        try:
            self._engine = create_engine(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise InvalidInput(
                f"The database of labels cannot be opened ({error}); "
                "expected an address such as sqlite:///labels.db."
            ) from error
        self._model, self._window, self._capacity = model, window, capacity
        with self._answering():
            prepare(self._engine)

    def record_predictions(self, predictions: Sequence[Prediction], now: float) -> None:
        """Keep what was predicted; what is known already is only counted.

        Args:
            predictions: In any order.
            now: Unix seconds.
        """
        for batch in _batches(predictions):
            with self._books() as books:
                books.add_predictions(batch)
                books.join([one.request_id for one in batch])
                books.give_up(now - self._window, self._capacity)

    def record_labels(self, labels: Sequence[Label], now: float) -> None:
        """Keep what was true; what is known already is only counted, and the first one holds.

        Args:
            labels: In any order, of any requests.
            now: Unix seconds.
        """
        for batch in _batches(labels):
            with self._books() as books:
                books.add_labels(batch)
                books.join([one.request_id for one in batch])
                books.give_up(now - self._window, self._capacity)

    def settle(self, now: float) -> None:
        """Join what two writers left beside each other, and give up what has waited too long."""
        with self._books() as books:
            books.join(None)
            books.give_up(now - self._window, self._capacity)

    def counts(self) -> Mapping[str, int]:
        """Give what was counted by the names of `COUNTS`, and how many records wait now."""
        with self._books() as books:
            counted = {name: int(books.number(name) or 0) for name in COUNTS}
            predictions, labels = books.waiting()
        return {**counted, "predictions waiting": predictions, "labels waiting": labels}

    def hours(self, since: float = 0.0) -> tuple[Hour, ...]:
        """Give the sums of the hours that began at `since` or later."""
        with self._books() as books:
            return books.hours(since)

    def take_rewards(self, most: int = 1000) -> tuple[Reward, ...]:
        """Give feedback that is due, each once and never again.

        It is gone from here before it is sent: a reward that is lost in a crash does less harm
        than one that counts twice, which nobody can tell from two.

        Args:
            most: How many.
        """
        with self._books() as books:
            return tuple(Reward(*each) for each in books.take_rewards(most))

    def remembered(self, name: str) -> float | None:
        """Give a number that was remembered, None if there was none."""
        with self._books() as books:
            return books.number(name)

    def claim(self, name: str, now: float, pause: float) -> bool:
        """Remember an instant, unless one is remembered that is not `pause` seconds ago.

        Returns:
            Whether it is remembered; of several who claim at once, one is told so.
        """
        with self._books() as books:
            return books.claim(name, now, pause)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _books(self) -> Iterator[Books]:
        """Open the books for one transaction: all of it is kept, or nothing."""
        with self._answering(), self._engine.begin() as connection:
            books = Books(connection, self._model)
            yield books
            books.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            place = self._engine.url.render_as_string(hide_password=True)
            raise PlatformUnavailable(
                f"The database of labels {place} does not do as asked: {error}"
            ) from error


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), _BATCH):
        yield records[start : start + _BATCH]
