"""Hold rows against their schema before anything is trained on them, in bounded memory.

Every violation is named, with how many rows it hits and an example. Some are tolerated up to a
share that the schema states: a missing reading is not a broken data set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pandera.errors import SchemaErrors

from headrace.api.fields import format_duration
from headrace.serving.comparison import label_text
from headrace.serving.reference import Reference
from headrace.training.data.distributions import DRIFT_LIMIT, measure_columns, shifts
from headrace.training.data.report import DataReport, Violation
from headrace.training.data.rules import (
    MISSING,
    OUTSIDE,
    TYPE,
    describe_range,
    describe_type,
    pandera_schema,
)
from headrace.training.data.schema import Column, DataSchema
from headrace.training.data.table import read_batches, table_schema

MOST_LABELS = 1000
"""Different values of a target beyond which they are not told apart any more."""

_KEY_TYPES = {
    pa.bool_(): pd.BooleanDtype(),
    **{getattr(pa, f"int{bits}")(): pd.Int64Dtype() for bits in (8, 16, 32, 64)},
    **{getattr(pa, f"uint{bits}")(): pd.UInt64Dtype() for bits in (8, 16, 32, 64)},
}
"""Types that hold missing values and are the same in every batch."""


def validate(
    path: Path,
    schema: DataSchema,
    now: datetime,
    previous: Reference | None = None,
    drift_limit: float = DRIFT_LIMIT,
) -> DataReport:
    """Check a stored data set; never stops at the first violation.

    Args:
        path: Parquet.
        schema: What it must be.
        now: The freshness of its newest row is judged by this instant, which has an offset.
        previous: How the last training set was distributed; None to judge no drift.
        drift_limit: The population stability index from which on a column has drifted, > 0.

    Raises:
        InvalidData: The file is no Parquet.
    """
    names = table_schema(path).names
    count = _Count(schema, names)
    for batch in read_batches(path, [name for name in names if name in schema.names] or None):
        count.add(batch)
    violations = (*_of_columns(schema, names, count.rows), *count.violations(now))
    sound = not any(v.problem in (describe_type(c) for c in schema.columns) for v in violations)
    reference = measure_columns(path, schema) if sound and count.rows else None
    moved = shifts(path, schema, previous, drift_limit) if previous and sound else ()
    return DataReport(count.rows, violations, moved, reference)


def _of_columns(schema: DataSchema, names: list[str], rows: int) -> Iterator[Violation]:
    hit = max(rows, 1)
    for name in schema.names:
        if name not in names:
            yield Violation(name, "the column is missing", hit)
    for name in names:
        if name not in schema.names:
            yield Violation(name, "the column is not in the schema", hit)


class _Count:
    """Goes through the rows batch by batch and counts what is wrong."""

    def __init__(self, schema: DataSchema, names: list[str]) -> None:
        self._schema = schema
        self._columns = [column for column in schema.columns if column.name in names]
        self._rules = pandera_schema(schema)
        self._hits: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._seen: dict[str, set[str]] = {column.name: set() for column in self._columns}
        # Names of rows, as hashes of 64 bits: two of ten million are equal once in 400,000 sets.
        self._keys: dict[tuple[str, ...], list[np.ndarray]] = {
            each: [] for each in self._unique_keys(names)
        }
        self._newest: pd.Timestamp | None = None
        self.rows = 0

    def _unique_keys(self, names: list[str]) -> Iterator[tuple[str, ...]]:
        if self._schema.key and set(self._schema.key) <= set(names):
            yield self._schema.key
        for column in self._columns:
            if column.unique:
                yield (column.name,)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        rows = batch.to_pandas()
        self.rows += len(rows)
        try:
            self._rules.validate(rows, lazy=True)
        except SchemaErrors as error:
            for (column, check), cases in error.failure_cases.groupby(["column", "check"]):
                self._hits[column, check] += len(cases)
                example = cases["failure_case"].iloc[0]
                plain = example.item() if isinstance(example, np.generic) else example
                self._examples.setdefault((column, check), repr(plain))
        for name, seen in self._seen.items():
            if len(seen) <= (MOST_LABELS if name == self._schema.target else 1):
                seen.update(label_text(each) for each in rows[name].dropna().unique()[:MOST_LABELS])
        for key, hashes in self._keys.items():
            # Whole numbers beside missing ones would be floats, in this batch and not in others.
            named = batch.select(list(key)).to_pandas(types_mapper=_KEY_TYPES.get)
            present = named.dropna() if len(key) == 1 else named
            hashes.append(pd.util.hash_pandas_object(present, index=False).to_numpy())
        if self._schema.time in self._seen:
            instants = pd.to_datetime(
                rows[self._schema.time], utc=True, format="ISO8601", errors="coerce"
            )
            newest = instants.max()
            if not pd.isna(newest) and (self._newest is None or newest > self._newest):
                self._newest = newest

    def violations(self, now: datetime) -> Iterator[Violation]:
        """Give everything that was wrong, in the order of the schema."""
        if self.rows < self._schema.least_rows:
            # Not a count of bad rows: there are fewer than there must be, whatever is allowed.
            yield Violation("rows", f"fewer than {self._schema.least_rows}", max(self.rows, 1))
        for column in self._columns:
            yield from self._of(column)
        for key, hashes in self._keys.items():
            whole = np.concatenate(hashes) if hashes else np.empty(0)
            if again := len(whole) - len(np.unique(whole)):
                yield Violation(", ".join(key), "the same key again", again)
        yield from self._of_target()
        yield from self._of_freshness(now)

    def _of(self, column: Column) -> Iterator[Violation]:
        for check, problem, share in (
            (MISSING, "no value", column.nullable),
            (TYPE, describe_type(column), 0.0),
            (OUTSIDE, describe_range(column), column.outside),
        ):
            hit = self._hits[column.name, check]
            if hit and share < 1:
                example = "" if check == MISSING else self._examples[column.name, check]
                yield Violation(column.name, problem, hit, int(share * self.rows), example)
        # Nothing to learn from, but nothing wrong either.
        constant = len(self._seen[column.name]) < 2 and column.name != self._schema.target
        if constant and column.request and self.rows > 1:
            yield Violation(column.name, "the same value or none", self.rows, self.rows)

    def _of_target(self) -> Iterator[Violation]:
        target = self._schema.target
        if target not in self._seen or not self.rows:
            return
        labels = self._seen[target]
        if len(labels) < 2:
            yield Violation(target, "all answers are the same", self.rows)
        elif self._schema.task == "binary":
            if len(labels) > 2:
                problem = f"{len(labels)} different answers for a binary task"
                yield Violation(target, problem, self.rows, 0, ", ".join(sorted(labels)[:5]))
            if self._schema.positive not in labels:
                yield Violation(target, f"never the label {self._schema.positive}", self.rows)

    def _of_freshness(self, now: datetime) -> Iterator[Violation]:
        oldest = self._schema.freshness
        if oldest is None or self._newest is None:
            return
        age = now.astimezone(UTC) - self._newest.to_pydatetime()
        if age > timedelta(seconds=oldest):
            said = format_duration(age.total_seconds() // 60 * 60)
            problem = f"the newest row is {said} old, at most {format_duration(oldest)} allowed"
            yield Violation(self._schema.time or "", problem, self.rows)
