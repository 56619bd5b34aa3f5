"""The tables of the store, in any database that SQLAlchemy knows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, String, Table, event
from sqlalchemy.engine import Engine

from headrace.serving.ring import LONGEST_ID, LONGEST_LABEL

METADATA = MetaData()

_NAME = 128
_ANSWER = LONGEST_LABEL

PREDICTIONS = Table(
    "headrace_predictions",
    METADATA,
    Column("model", String(_NAME), primary_key=True),
    Column("request_id", String(LONGEST_ID), primary_key=True),
    Column("version", String(_NAME), primary_key=True),
    Column("answer", String(_ANSWER), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("threshold", Double, nullable=False),
    Column("time", Double, nullable=False),
    Column("copied", Boolean, nullable=False),
    Column("joined", Boolean, nullable=False),
    Column("reward", Double),
    Index("headrace_predictions_by_time", "model", "time"),
)
"""`joined` says that its label was used; `reward` is feedback that is still to be sent."""

LABELS = Table(
    "headrace_labels",
    METADATA,
    Column("model", String(_NAME), primary_key=True),
    Column("request_id", String(LONGEST_ID), primary_key=True),
    Column("truth", String(_ANSWER), nullable=False),
    Column("is_text", Boolean, nullable=False),
    Column("time", Double, nullable=False),
    Column("used", Boolean, nullable=False),
    Index("headrace_labels_by_time", "model", "time"),
)
"""`used` says that at least one prediction was joined to it."""

QUALITY = Table(
    "headrace_quality",
    METADATA,
    Column("model", String(_NAME), primary_key=True),
    Column("version", String(_NAME), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("correct", Double, nullable=False),
    Column("squared", Double, nullable=False),
    Column("absolute", Double, nullable=False),
)
"""Sums over the predictions of an hour, which begins at `start`, Unix seconds."""

NUMBERS = Table(
    "headrace_label_numbers",
    METADATA,
    Column("model", String(_NAME), primary_key=True),
    Column("name", String(_NAME), primary_key=True),
    Column("number", Double, nullable=False),
)
"""Counters, the floor of time, and when each trigger fired last."""


def prepare(engine: Engine) -> None:
    """Make the tables where they are missing, and let SQLite have one writer at a time."""
    if engine.dialect.name == "sqlite":
        # Python's driver begins a transaction too late: two writers that have both read would
        # both fail to write.
        event.listen(engine, "connect", _autonomous)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(_BEGIN))
    METADATA.create_all(engine)


_BEGIN = "BEGIN IMMEDIATE"


def _autonomous(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA busy_timeout = 30000")
