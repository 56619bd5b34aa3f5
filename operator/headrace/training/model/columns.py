"""Stored rows as requests carry them, and as a model reads them: the same way as when served."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from numbers import Real

import numpy as np
import pandas as pd

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.comparison import label_text
from headrace.serving.request import Cell
from headrace.serving.signature import Column

Columns = Mapping[str, Sequence[Cell]]
Features = Callable[[Columns], Columns]
"""From request columns to a model's inputs, with as many values in each."""


def request_of(rows: pd.DataFrame, columns: Sequence[Column]) -> dict[str, list[Cell]]:
    """Give rows as a request carries them.

    Args:
        rows: With these columns, n rows.
        columns: What a request has.

    Returns:
        n values a column: finite numbers, texts, and None where there is no value. An instant is
        ISO 8601 in UTC.

    Raises:
        InvalidData: A column is missing, or holds something that no request can carry.
    """
    if missing := [column.name for column in columns if column.name not in rows]:
        raise InvalidData(f"The rows lack the columns {', '.join(missing)} of a request.")
    return {column.name: _cells(rows[column.name], column) for column in columns}


def _cells(values: pd.Series, column: Column) -> list[Cell]:
    if column.type == "number" and pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        # Millions of numbers go by here: what is whole and finite needs no look at each.
        if np.isfinite(numbers).all():
            plain: list[Cell] = numbers.tolist()
            return plain
        if not np.isinf(numbers).any():
            return [None if math.isnan(number) else number for number in numbers.tolist()]
    if column.type == "string" and isinstance(values.dtype, pd.StringDtype):
        return [value if isinstance(value, str) else None for value in values.tolist()]
    return [_cell(value, column) for value in values.tolist()]


def inputs_of(request: Columns, features: str, inputs: Sequence[Column]) -> dict[str, list[Cell]]:
    """Compute what the model reads from what requests carry.

    Args:
        request: Columns of requests.
        features: Import path of the function; empty where the columns are the inputs.
        inputs: Of the model.

    Raises:
        InvalidInput: There is no such function, or it does not give these inputs.
    """
    computed = feature_function(features)(request) if features else request
    if missing := [column.name for column in inputs if column.name not in computed]:
        source = features or "The request"
        raise InvalidInput(f"{source} does not give the inputs {', '.join(missing)} of the model.")
    return {column.name: list(computed[column.name]) for column in inputs}


def frame_of(columns: Columns, inputs: Sequence[Column]) -> pd.DataFrame:
    """Arrange columns as the estimator reads them: float32 with NaN, and texts, "" for none."""
    return pd.DataFrame(
        {
            column.name: np.array(columns[column.name], dtype=np.float32)
            if column.type == "number"
            else np.array(
                ["" if value is None else value for value in columns[column.name]], dtype=object
            )
            for column in inputs
        }
    )


def feature_function(path: str) -> Features:
    """Import the function `package.module:function`.

    Raises:
        InvalidInput: There is none.
    """
    module, colon, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name) if colon and module else None
    except (ImportError, AttributeError) as error:
        raise InvalidInput(
            f"The features {path!r} cannot be imported: {error}. Install the package that has "
            "them beside headrace, here and where models are served."
        ) from error
    if not callable(found):
        raise InvalidInput(f"The features {path!r} are none; expected package.module:function.")
    function: Features = found
    return function


def _cell(value: object, column: Column) -> Cell:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    if column.type == "string":
        return _text(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        if isinstance(value, bool):
            return float(value)
        raise InvalidData(f"The column {column.name} holds {value!r}; expected numbers.")
    number = float(value)
    if not math.isfinite(number):
        raise InvalidData(f"The column {column.name} holds {number}, which no request can carry.")
    return number


def _text(value: object) -> str:
    if isinstance(value, datetime):
        moment = pd.Timestamp(value)
        moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        return str(moment.isoformat()).replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return label_text(value)
