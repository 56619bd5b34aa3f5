"""The answers of rows as estimators and scores take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace.errors import InvalidData
from headrace.serving.comparison import label_text
from headrace.training.data.schema import DataSchema


def answers(rows: pd.DataFrame, schema: DataSchema) -> NDArray[Any]:
    """Read the target of rows.

    Args:
        rows: n rows with the target.
        schema: Theirs.

    Returns:
        Shape (n,): for a binary task 1 where the label is the positive one, else 0; for a
        multiclass task texts; for a regression float64.

    Raises:
        InvalidData: The target is missing, or some answers are null or not finite.
    """
    if schema.target not in rows:
        raise InvalidData(f"The rows lack the target {schema.target}.")
    values = rows[schema.target]
    if missing := int(values.isna().sum()):
        raise InvalidData(f"{missing} of {len(values)} rows have no {schema.target}.")
    if schema.task == "regression":
        try:
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidData(f"{schema.target} holds something that is no number.") from error
        if wild := int((~np.isfinite(numbers)).sum()):
            raise InvalidData(f"{wild} of {len(values)} rows have an infinite {schema.target}.")
        return numbers
    texts = values.map({value: label_text(value) for value in values.unique()})
    if schema.task == "binary":
        return np.asarray(texts == schema.positive, dtype=np.int8)
    return np.asarray(texts, dtype=object)


def labels(rows: pd.DataFrame, schema: DataSchema) -> tuple[str, ...]:
    """List the labels of a classification in the order of an estimator's `classes_`.

    Returns:
        Of a binary task the other label and the positive one; of a multiclass task all, sorted;
        nothing for a regression.

    Raises:
        InvalidData: Fewer than two labels occur, or more than two in a binary task.
    """
    if schema.task == "regression":
        return ()
    found = sorted({label_text(value) for value in rows[schema.target].dropna().unique()})
    if len(found) < 2:
        raise InvalidData(
            f"All {len(rows)} rows have the same {schema.target} ({', '.join(found) or 'none'}); "
            "a model needs rows of at least two kinds."
        )
    if schema.task == "multiclass":
        return tuple(found)
    others = [label for label in found if label != schema.positive]
    if len(found) > 2 or len(others) > 1:
        raise InvalidData(
            f"{schema.target} has the labels {', '.join(found[:5])}; a binary task has two, and "
            f"one of them is {schema.positive}."
        )
    return (others[0], str(schema.positive))


def weights(rows: pd.DataFrame, schema: DataSchema) -> NDArray[np.float64] | None:
    """Read how much each row counts; None where all count the same.

    Raises:
        InvalidData: The column is missing, or a weight is not a finite number > 0.
    """
    if schema.weight is None:
        return None
    if schema.weight not in rows:
        raise InvalidData(f"The rows lack the weight {schema.weight}.")
    numbers = np.asarray(pd.to_numeric(rows[schema.weight], errors="coerce"), dtype=np.float64)
    if wrong := int((~(np.isfinite(numbers) & (numbers > 0))).sum()):
        raise InvalidData(f"{wrong} rows have a {schema.weight} that is no number above 0.")
    return numbers


def instants(rows: pd.DataFrame, schema: DataSchema) -> pd.Series | None:
    """Read when each row was known, in UTC; None where the schema names no time.

    Raises:
        InvalidData: The column is missing, or holds something that is no instant.
    """
    if schema.time is None:
        return None
    if schema.time not in rows:
        raise InvalidData(f"The rows lack the time {schema.time}.")
    try:
        return pd.to_datetime(rows[schema.time], utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise InvalidData(f"{schema.time} holds something that is no instant: {error}.") from error
