"""A first data schema, read off some rows; a person reviews it before it is enforced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

import numpy as np
import pandas as pd

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.comparison import label_text
from headrace.training.data.schema import Column, ColumnType, DataSchema, Task

MOST_CATEGORIES = 50
"""Different texts beyond which a column is free text."""

LEAST_REPEATS = 2
"""How often each category occurs on average, at least."""

MOST_CLASSES = 20
"""Different whole numbers up to which a target is a class."""

_RESERVE = 1.0
"""How far a range goes beyond what occurs, as a share of its width."""


def infer_schema(
    rows: pd.DataFrame,
    target: str,
    *,
    task: Task | None = None,
    positive: str | None = None,
    key: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
    weight: str | None = None,
) -> DataSchema:
    """Describe rows generously: twice the range, twice the share of missing values.

    Args:
        rows: Of the data set, some thousands at least.
        target: The column with the answer.
        task: None takes `binary` for two labels, `multiclass` for few, else `regression`.
        positive: The label that counts as a yes; None takes the rarer one.
        key: Columns that name a row.
        time: The instant when a row was known.
        group: Rows of one group belong together.
        weight: How much a row counts.

    Raises:
        InvalidInput: A column that is named is not there, or the roles do not fit the columns.
        InvalidData: There are no rows, no answers, or a column of no known type.
    """
    if rows.columns.has_duplicates:
        twice = rows.columns[rows.columns.duplicated()].unique()
        raise InvalidData(f"The columns {', '.join(map(str, twice))} are there twice.")
    for name in (target, time, group, weight, *key):
        if name is not None and name not in rows:
            raise InvalidInput(
                f"There is no column {name}; the rows have {', '.join(map(str, rows))}."
            )
    if rows.empty:
        raise InvalidData("There are no rows to infer a schema of.")
    answers = rows[target].dropna()
    if answers.empty:
        raise InvalidData(f"The target {target} has no value in any of the {len(rows)} rows.")
    known = task or _task(answers)
    if known == "binary" and positive is None:
        counts = answers.map(label_text).value_counts()
        positive = min(counts.index, key=lambda label: (counts[label], label))
    try:
        columns = [_column(str(name), rows[name], str(name) == target, known) for name in rows]
        return DataSchema(
            task=known,
            target=target,
            positive=positive,
            key=tuple(key),
            time=time,
            group=group,
            weight=weight,
            least_rows=max(1, len(rows) // 10),
            columns=tuple(columns),
        )
    except ValueError as error:
        raise InvalidInput(f"These roles do not fit the columns: {error}") from error


def _task(answers: pd.Series) -> Task:
    distinct = answers.nunique()
    if distinct <= 2:
        return "binary"
    texts = not pd.api.types.is_numeric_dtype(answers.dtype)
    whole = not texts and bool((answers % 1 == 0).all())
    return "multiclass" if texts or (whole and distinct <= MOST_CLASSES) else "regression"


def _column(name: str, values: pd.Series, is_target: bool, task: Task) -> Column:
    present = values.dropna()
    kind = _type(name, present)
    missing = 1 - len(present) / len(values)
    nullable = min(1.0, math.ceil(missing * 2 * 1000) / 1000)
    # A number that is another in every row names the row; a measurement may be so by chance.
    named = kind in ("integer", "string") and len(values) > 1 and present.is_unique and not missing
    unique = named and not is_target  # two rows may well have one answer
    if (is_target and task != "regression") or kind == "category":
        categories = tuple(sorted({label_text(value) for value in present.unique()})) or None
        return Column(name=name, type=kind, nullable=nullable, categories=categories)
    if kind in ("number", "integer"):
        low, high = _range(present.astype(float))
        return Column(
            name=name, type=kind, nullable=nullable, low=low, high=high,
            unique=unique, request=not unique,
        )  # fmt: skip
    return Column(name=name, type=kind, nullable=nullable, unique=unique, request=not unique)


def _type(name: str, present: pd.Series) -> ColumnType:
    if pd.api.types.is_bool_dtype(present.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(present.dtype):
        finite = present[np.isfinite(present.astype(float))]
        return "integer" if len(finite) and bool((finite % 1 == 0).all()) else "number"
    if pd.api.types.is_datetime64_any_dtype(present.dtype):
        return "instant"
    if not all(isinstance(value, str) for value in present):
        raise InvalidData(
            f"The column {name} holds values of mixed or nested types, for example "
            f"{next(value for value in present if not isinstance(value, str))!r}."
        )
    if len(present) and _are_instants(present):
        return "instant"
    distinct = present.nunique()
    few = distinct <= MOST_CATEGORIES and distinct * LEAST_REPEATS <= len(present)
    return "category" if few or not len(present) else "string"


def _are_instants(texts: pd.Series) -> bool:
    offset = texts.str.contains(r"^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:?\d\d)$", regex=True)
    if not offset.all():
        return False
    return bool(pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").notna().all())


def _range(numbers: pd.Series) -> tuple[float | None, float | None]:
    finite = numbers[np.isfinite(numbers)]
    if finite.empty:
        return None, None
    low, high = float(finite.min()), float(finite.max())
    reserve = _RESERVE * ((high - low) or max(abs(high), 1.0))
    # What is never negative, such as a count, stays so.
    least = 0.0 if low >= 0 else _rounded(low - reserve, ROUND_FLOOR)
    return least, _rounded(high + reserve, ROUND_CEILING)


def _rounded(value: float, away: str) -> float | None:
    """Round to three digits, which a reviewer can read, and never into the range.

    A bound beyond all floats is none.
    """
    if not math.isfinite(value):
        return None
    rounded = float(Context(prec=3, rounding=away).create_decimal_from_float(value))
    return rounded if math.isfinite(rounded) else None
