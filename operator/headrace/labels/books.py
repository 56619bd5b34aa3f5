"""The steps of one transaction of the store: add, join, give up, count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from headrace.labels.quality import HOUR, Hour
from headrace.labels.records import Label, Outcome, Prediction, Value, judge
from headrace.labels.tables import LABELS, NUMBERS, PREDICTIONS, QUALITY

COUNTS = (
    "predictions",
    "labels",
    "joined",
    "duplicate predictions",
    "duplicate labels",
    "incomparable",
    "predictions without label",
    "labels without prediction",
    "too late",
)
"""What is counted; `predictions` and `labels` are those that were new and in time."""

_FLOOR = "floor"

KEPT = 400 * 86_400.0
"""Seconds for which qualities are kept, longer than records."""


class Books:
    """What is known of one model, within one transaction."""

    def __init__(self, connection: Connection, model: str) -> None:
        """Take the transaction.

        Args:
            connection: In a transaction.
            model: The model's name.
        """
        self._connection, self._model = connection, model
        self._floor = self.number(_FLOOR) or 0.0
        self._counted: Counter[str] = Counter()

    def add_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Keep those that are new and not older than the floor."""
        table = PREDICTIONS
        known = self._known(table, [one.request_id for one in predictions], "version")
        rows = []
        for one in predictions:
            if self._is_new((one.request_id, one.version), one.time, known, "predictions"):
                answer, _ = _written(one.answer)
                rows.append(
                    {
                        "model": self._model,
                        "request_id": one.request_id,
                        "version": one.version,
                        "answer": answer,
                        "kind": one.kind,
                        "threshold": one.threshold,
                        "time": one.time,
                        "copied": one.copied,
                        "joined": False,
                    }
                )
        if rows:
            self._connection.execute(insert(table), rows)

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Keep those that are new and not older than the floor."""
        known = self._known(LABELS, [one.request_id for one in labels], "request_id")
        rows = []
        for one in labels:
            if self._is_new((one.request_id, one.request_id), one.time, known, "labels"):
                truth, is_text = _written(one.truth)
                rows.append(
                    {
                        "model": self._model,
                        "request_id": one.request_id,
                        "truth": truth,
                        "is_text": is_text,
                        "time": one.time,
                        "used": False,
                    }
                )
        if rows:
            self._connection.execute(insert(LABELS), rows)

    def join(self, request_ids: Sequence[str] | None) -> None:
        """Use every label that is there for every prediction that has not had it.

        Args:
            request_ids: Of which requests; None for all.
        """
        same = and_(
            PREDICTIONS.c.model == LABELS.c.model, PREDICTIONS.c.request_id == LABELS.c.request_id
        )
        query = (
            select(PREDICTIONS, LABELS.c.truth, LABELS.c.is_text)
            .join(LABELS, same)
            .where(PREDICTIONS.c.model == self._model, PREDICTIONS.c.joined.is_(False))
        )
        if request_ids is not None:
            query = query.where(PREDICTIONS.c.request_id.in_(sorted(set(request_ids))))
        judged: dict[tuple[str, int, str], list[Outcome]] = {}
        for row in self._connection.execute(query).all():
            answer = _read(row.answer, row.kind == "label")
            outcome = judge(answer, row.kind, row.threshold, _read(row.truth, row.is_text))
            reward = None if outcome is None or row.copied else outcome.reward
            ours = update(PREDICTIONS).where(_is_row(row), PREDICTIONS.c.joined.is_(False))
            # Another writer may have been quicker: then the label is used already.
            if not self._connection.execute(ours.values(joined=True, reward=reward)).rowcount:
                continue
            self._use(row.request_id)
            self.count("joined")
            if outcome is None:
                self.count("incomparable")
            else:
                key = (row.version, int(row.time // HOUR * HOUR), row.kind)
                judged.setdefault(key, []).append(outcome)
        for key, outcomes in judged.items():
            self._sum(*key, outcomes)

    def give_up(self, until: float, capacity: int) -> None:
        """Forget what is from `until` or earlier, and the oldest beyond `capacity` of each table.

        Args:
            until: Unix seconds; never earlier than what was given up before.
            capacity: Predictions, and as many labels, > 0.
        """
        floor = max(until, self.number(_FLOOR) or 0.0)
        for table in (PREDICTIONS, LABELS):
            oldest = (
                select(table.c.time)
                .where(table.c.model == self._model)
                .order_by(table.c.time.desc())
                .offset(capacity)
                .limit(1)
            )
            floor = max(floor, self._connection.execute(oldest).scalar() or 0.0)
        self.put(_FLOOR, floor)
        for table, done, name in (
            (PREDICTIONS, PREDICTIONS.c.joined, "predictions without label"),
            (LABELS, LABELS.c.used, "labels without prediction"),
        ):
            old = and_(table.c.model == self._model, table.c.time <= floor)
            waiting = select(func.count()).select_from(table).where(old, done.is_(False))
            self.count(name, self._connection.execute(waiting).scalar() or 0)
            self._connection.execute(delete(table).where(old))
        kept = and_(QUALITY.c.model == self._model, QUALITY.c.start <= floor - KEPT)
        self._connection.execute(delete(QUALITY).where(kept))

    def hours(self, since: float) -> tuple[Hour, ...]:
        """Give the sums of the hours that began at `since` or later, in order."""
        query = (
            select(QUALITY)
            .where(QUALITY.c.model == self._model, QUALITY.c.start >= since)
            .order_by(QUALITY.c.version, QUALITY.c.start, QUALITY.c.kind)
        )
        return tuple(
            Hour(
                version=row["version"],
                kind=row["kind"],
                start=row["start"],
                count=row["number"],
                right=row["correct"],
                squared=row["squared"],
                absolute=row["absolute"],
            )
            for row in self._connection.execute(query).mappings()
        )

    def take_rewards(self, most: int) -> list[tuple[str, str, float]]:
        """Give request, version and reward of feedback that is due, and forget that it is."""
        table = PREDICTIONS
        query = (
            select(table)
            .where(table.c.model == self._model, table.c.reward.is_not(None))
            .order_by(table.c.time, table.c.request_id, table.c.version)
            .limit(most)
        )
        taken = []
        for row in self._connection.execute(query).all():
            ours = update(table).where(_is_row(row), table.c.reward.is_not(None))
            if self._connection.execute(ours.values(reward=None)).rowcount:
                taken.append((row.request_id, row.version, row.reward))
        return taken

    def number(self, name: str) -> float | None:
        """Give a number by its name."""
        query = select(NUMBERS.c.number).where(*self._named(name))
        found: float | None = self._connection.execute(query).scalar()
        return found

    def waiting(self) -> tuple[int, int]:
        """Give how many predictions wait for their label, and labels for their prediction."""
        predictions, labels = (
            self._connection.execute(
                select(func.count())
                .select_from(table)
                .where(table.c.model == self._model, done.is_(False))
            ).scalar()
            or 0
            for table, done in ((PREDICTIONS, PREDICTIONS.c.joined), (LABELS, LABELS.c.used))
        )
        return predictions, labels

    def put(self, name: str, number: float) -> None:
        """Set a number."""
        changed = update(NUMBERS).where(*self._named(name)).values(number=number)
        if not self._connection.execute(changed).rowcount:
            row = {"model": self._model, "name": name, "number": number}
            self._connection.execute(insert(NUMBERS).values(row))

    def claim(self, name: str, now: float, pause: float) -> bool:
        """Set a number to `now` unless it is greater than `now - pause`; say whether it was set."""
        if self.number(name) is None:
            self.put(name, now)
            return True
        old = NUMBERS.c.number <= now - pause
        changed = update(NUMBERS).where(*self._named(name), old).values(number=now)
        return bool(self._connection.execute(changed).rowcount)

    def count(self, name: str, more: int = 1) -> None:
        """Add to a counter."""
        if more:
            self._counted[name] += more

    def close(self) -> None:
        """Write what was counted."""
        for name, more in self._counted.items():
            changed = update(NUMBERS).where(*self._named(name))
            if not self._connection.execute(
                changed.values(number=NUMBERS.c.number + more)
            ).rowcount:
                self.put(name, more)

    def _named(self, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return NUMBERS.c.model == self._model, NUMBERS.c.name == name

    def _known(self, table: Table, ids: Sequence[str], second: str) -> set[tuple[str, str]]:
        """Give the keys of those requests that are there."""
        columns = (table.c.request_id, table.c[second])
        query = select(*columns).where(
            table.c.model == self._model, table.c.request_id.in_(sorted(set(ids)))
        )
        return {(row[0], row[1]) for row in self._connection.execute(query)}

    def _is_new(
        self, key: tuple[str, str], time: float, known: set[tuple[str, str]], name: str
    ) -> bool:
        """Count a record, and say whether it is to be kept."""
        if key in known:
            self.count(f"duplicate {name}")
            return False
        if time <= self._floor:
            self.count("too late")
            return False
        known.add(key)
        self.count(name)
        return True

    def _use(self, request_id: str) -> None:
        label = update(LABELS).where(
            LABELS.c.model == self._model, LABELS.c.request_id == request_id
        )
        self._connection.execute(label.values(used=True))

    def _sum(self, version: str, start: int, kind: str, outcomes: Sequence[Outcome]) -> None:
        more = {
            "number": len(outcomes),
            "correct": math.fsum(each.right for each in outcomes),
            "squared": math.fsum(each.squared for each in outcomes),
            "absolute": math.fsum(each.absolute for each in outcomes),
        }
        row = {"model": self._model, "version": version, "start": start, "kind": kind}
        same = and_(*(QUALITY.c[name] == value for name, value in row.items()))
        added = {name: QUALITY.c[name] + value for name, value in more.items()}
        if not self._connection.execute(update(QUALITY).where(same).values(added)).rowcount:
            self._connection.execute(insert(QUALITY).values({**row, **more}))


def _is_row(row: Row[Any]) -> ColumnElement[bool]:
    table = PREDICTIONS
    return and_(
        table.c.model == row.model,
        table.c.request_id == row.request_id,
        table.c.version == row.version,
    )


def _written(value: Value) -> tuple[str, bool]:
    """Write a value as a text that reads back as the same; and whether it is one."""
    return (value, True) if isinstance(value, str) else (repr(value), False)


def _read(text: str, is_text: bool) -> Value:
    return text if is_text else float(text)
