"""How columns are distributed, and how far they have moved since the last training set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.comparison import label_text
from headrace.serving.reference import (
    MISSING,
    OTHER,
    Categories,
    Distribution,
    Histogram,
    Reference,
)
from headrace.training.data.report import Shift
from headrace.training.data.schema import Column, DataSchema
from headrace.training.data.table import read_batches, read_table, table_schema

DRIFT_LIMIT = 0.25
"""A population stability index above which one speaks of a shift."""

_NUMERIC = ("number", "integer", "boolean")


def measure_columns(path: Path, schema: DataSchema) -> Reference | None:
    """Measure every column that is no key, no instant and not all missing.

    Returns:
        The target's distribution as the prediction's; None where the target is not there.
    """
    present = table_schema(path).names
    features: dict[str, Distribution] = {}
    for column in schema.columns:
        if column.name in present and _is_measured(column, schema):
            # One column at a time, so that a wide table need not fit into memory.
            found = _measure(column, schema, read_table(path, [column.name])[column.name])
            if found is not None:
                features[column.name] = found
    target = features.pop(schema.target, None)
    return None if target is None else Reference(features, target)


def shifts(
    path: Path, schema: DataSchema, previous: Reference, limit: float = DRIFT_LIMIT
) -> tuple[Shift, ...]:
    """Compare each column of a data set with an earlier one.

    Args:
        path: Parquet, with the columns of the schema in their types.
        schema: Of the data set.
        previous: Of the earlier one; columns that only one of them has are left out.
        limit: The index from which on a column counts as drifted, > 0.

    Raises:
        InvalidInput: The limit is not positive.
    """
    if not limit > 0:
        raise InvalidInput(f"drift_limit is {limit}; expected a number above 0, such as 0.25.")
    earlier = {**previous.features, schema.target: previous.prediction}
    present = table_schema(path).names
    columns = [c for c in schema.columns if c.name in earlier and c.name in present]
    counts = {column.name: Counter[str]() for column in columns}
    for batch in read_batches(path, [column.name for column in columns]):
        rows = batch.to_pandas()
        for column in columns:
            counts[column.name].update(_counted(rows[column.name], earlier[column.name]))
    return tuple(_shift(c.name, earlier[c.name], counts[c.name], limit) for c in columns)


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """Give the population stability index of two histograms of the same bins.

    Half a row is added to each bin, so that an empty one is no infinite shift.

    Returns:
        At least 0; 0.1 is little, 0.25 is much; 0 where one of them counts nothing.
    """
    if not sum(before) or not sum(now):
        return 0.0
    shares = [
        (np.asarray(each, float) + 0.5) / (sum(each) + len(each) / 2) for each in (before, now)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _is_measured(column: Column, schema: DataSchema) -> bool:
    if column.name in (schema.weight, schema.group, schema.time) or column.type == "instant":
        return False
    return column.name == schema.target or column.request


def _measure(column: Column, schema: DataSchema, values: pd.Series) -> Distribution | None:
    is_label = column.name == schema.target and schema.task != "regression"
    if is_label or column.type not in _NUMERIC:
        return Categories.measure(None if pd.isna(v) else label_text(v) for v in values)
    try:
        numbers = values.astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"{column.name} holds something that is no number: {error}.") from error
    return Histogram.measure(numbers) if np.isfinite(numbers).any() else None


def _counted(values: pd.Series, earlier: Distribution) -> dict[str, int]:
    """Count values in the bins of an earlier distribution, which are named."""
    missing = int(values.isna().sum())
    present = values.dropna()
    if isinstance(earlier, Categories):
        known = set(earlier.counts) - {MISSING, OTHER}
        counted = Counter({MISSING: missing})
        for value, count in present.value_counts().items():
            text = label_text(value)
            # A text that says `missing` counts as such, as it did when it was measured.
            counted[text if text in known or text == MISSING else OTHER] += int(count)
        return counted
    numbers = pd.to_numeric(present, errors="coerce").dropna().astype(float)
    places = np.searchsorted(earlier.bounds, numbers, side="left")
    found = np.bincount(places, minlength=len(earlier.bounds) + 1)
    return {**{str(place): int(count) for place, count in enumerate(found)}, MISSING: missing}


def _shift(name: str, earlier: Distribution, now: Mapping[str, int], limit: float) -> Shift:
    if isinstance(earlier, Categories):
        before = {OTHER: 0, MISSING: 0, **earlier.counts}
    else:
        counts = {str(place): count for place, count in enumerate(earlier.counts)}
        before = {**counts, MISSING: earlier.missing}
    old, new = list(before.values()), [now.get(each, 0) for each in before]
    shares = [np.asarray(each) / max(sum(each), 1) for each in (old, new)]
    place = int(np.argmax(np.abs(shares[1] - shares[0])))
    most = _bin_name(earlier, list(before)[place])
    said = f"{most}: {shares[0][place]:.1%} before, {shares[1][place]:.1%} now"
    return Shift(name, round(psi(old, new), 4), limit, said)


def _bin_name(earlier: Distribution, key: str) -> str:
    if isinstance(earlier, Categories) or key == MISSING:
        return key
    place, bounds = int(key), earlier.bounds
    if place == len(bounds):
        return f"above {bounds[-1]:g}"
    return f"{bounds[place - 1]:g} to {bounds[place]:g}" if place else f"up to {bounds[0]:g}"
