"""Reads files of predictions and labels into the store, some lines at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from headrace.errors import InvalidInput
from headrace.labels.records import Kind, Label, Prediction, read_line
from headrace.labels.store import LabelStore

_LINES = 2000


def feed(store: LabelStore, lines: Iterable[str], kind: Kind, now: float) -> None:
    """Record lines of JSON, predictions and labels in any order. Doing it twice changes nothing.

    Args:
        store: Takes them.
        lines: As `read_line` takes them; empty ones are passed over.
        kind: Of predictions that are numbers and do not say.
        now: Unix seconds.

    Raises:
        InvalidInput: A line is neither; those well before it are recorded.
        PlatformUnavailable: The database does not answer.
    """
    records = _read(lines, kind, now)
    while some := list(islice(records, _LINES)):
        store.record_predictions([one for one in some if isinstance(one, Prediction)], now)
        store.record_labels([one for one in some if isinstance(one, Label)], now)
    store.settle(now)


def _read(lines: Iterable[str], kind: Kind, now: float) -> Iterator[Prediction | Label]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield read_line(line, kind, now)
        except InvalidInput as error:
            raise InvalidInput(f"Line {number} {error}.") from error
