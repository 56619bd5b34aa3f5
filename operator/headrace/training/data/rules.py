"""A data schema as a pandera schema: the rules that can be asked of some rows at a time.

What needs all rows (duplicates, shares, freshness) is counted by `validate`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from headrace.serving.comparison import label_text
from headrace.training.data.schema import Column, DataSchema

MISSING, TYPE, OUTSIDE = "missing", "type", "outside"


def pandera_schema(schema: DataSchema) -> pandera.DataFrameSchema:
    """Compile a schema. Every check is named `missing`, `type` or `outside`."""
    columns = {column.name: _column(column) for column in schema.columns}
    return pandera.DataFrameSchema(columns, strict=False)


def describe_type(column: Column) -> str:
    """Say in words what a value of a column's type is not."""
    return {
        "number": "no number",
        "integer": "no whole number",
        "string": "no text",
        "category": "no text",
        "boolean": "neither true nor false",
        "instant": "no ISO 8601 instant with an offset",
    }[column.type]


def describe_range(column: Column) -> str:
    """Say in words where a value of a column must be."""
    if column.categories is not None:
        known = ", ".join(column.categories[:10])
        more = len(column.categories) - 10
        return f"none of {known}" + (f" and {more} more" if more > 0 else "")
    if column.low is None and column.high is None:
        return "not finite"
    if column.high is None:
        return f"below {column.low:g} or not finite"
    if column.low is None:
        return f"above {column.high:g} or not finite"
    return f"not between {column.low:g} and {column.high:g}"


def _column(column: Column) -> pandera.Column:
    checks = [
        pandera.Check(lambda values: values.notna(), name=MISSING, ignore_na=False),
        pandera.Check(partial(_of_type, column), name=TYPE),
    ]
    if column.type in ("number", "integer"):
        checks.append(pandera.Check(partial(_in_range, column), name=OUTSIDE))
    if column.categories is not None:
        checks.append(pandera.Check(partial(_in_categories, column), name=OUTSIDE))
    return pandera.Column(None, checks=checks, nullable=True, required=False, name=column.name)


def _of_type(column: Column, values: pd.Series) -> pd.Series:
    types: dict[str, Callable[[pd.Series], pd.Series]] = {
        "number": _are_numbers,
        "integer": _are_whole,
        "string": _are_texts,
        "category": _are_texts,
        "boolean": _are_booleans,
        "instant": _are_instants,
    }
    return types[column.type](values)


def _all(values: pd.Series, answer: bool) -> pd.Series:
    return pd.Series(answer, index=values.index, dtype=bool)


def _each(values: pd.Series, test: Callable[[object], bool]) -> pd.Series:
    return pd.Series([test(value) for value in values], index=values.index, dtype=bool)


def _are_numbers(values: pd.Series) -> pd.Series:
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return _all(values, False)
    if pd.api.types.is_numeric_dtype(dtype):
        return _all(values, True)
    return _each(values, lambda each: isinstance(each, int | float) and not isinstance(each, bool))


def _are_whole(values: pd.Series) -> pd.Series:
    numbers = _are_numbers(values)
    if pd.api.types.is_integer_dtype(values.dtype) or not numbers.any():
        return numbers
    found = values.where(numbers, 0.5).astype(float)
    # Infinity is a matter of the range.
    return numbers & ((found % 1 == 0) | np.isinf(found))


def _are_texts(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _all(values, False)
    return _each(values, lambda each: isinstance(each, str) and bool(each.strip()))


def _are_booleans(values: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(values.dtype):
        return _all(values, True)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.isin([0, 1])
    return _each(values, lambda each: isinstance(each, bool) or each in (0, 1))


def _are_instants(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _all(values, True)
    texts = _are_texts(values)
    given = values.where(texts, "").astype(str)
    # Without an offset a time is on nobody's clock.
    offset = given.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).astype(bool)
    parsed = pd.to_datetime(given, utc=True, format="ISO8601", errors="coerce")
    return texts & offset & parsed.notna()


def _in_range(column: Column, values: pd.Series) -> pd.Series:
    numbers = _are_numbers(values)
    found = values.where(numbers, 0.0).astype(float)
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    # What is no number at all is told once, as of a wrong type.
    return ~numbers | (found.between(low, high) & np.isfinite(found))


def _in_categories(column: Column, values: pd.Series) -> pd.Series:
    known = set(column.categories or ())
    unique = {value: label_text(value) in known for value in values.unique()}
    return values.map(unique).astype(bool)
