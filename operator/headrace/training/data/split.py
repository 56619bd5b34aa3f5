"""Divide a data set into rows to learn from and rows to be judged by, and check that nothing leaks.

Only the columns that decide are read as a whole; the rest goes by in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from headrace.errors import InvalidData, InvalidInput
from headrace.training.data.schema import DataSchema
from headrace.training.data.table import (
    Table,
    read_batches,
    read_table,
    table_schema,
    write_batches,
)
from headrace.training.data.target import answers, instants, labels
from headrace.training.durations import seconds_of

Method = Literal["auto", "random", "stratified", "grouped", "time"]


@dataclass(frozen=True)
class Split:
    """Both sides.

    Attributes:
        train: The rows to learn from.
        holdout: The rows to be judged by.
        method: How they were divided.
        boundary: Of a split by time: the earliest instant of the holdout, ISO 8601 in UTC; else
            empty.
    """

    train: Table
    holdout: Table
    method: str
    boundary: str = ""


def split(
    path: Path,
    schema: DataSchema,
    train: Path,
    holdout: Path,
    method: Method = "auto",
    share: float = 0.2,
    last: str = "",
    seed: int = 0,
) -> Split:
    """Divide a data set; the rows keep their order, and the same seed gives the same sides.

    Args:
        path: Parquet.
        schema: Its schema.
        train: The file for the rows to learn from.
        holdout: The file for the rest.
        method: `random`; `stratified`, with equal shares of each label; `grouped`, with each group
            on one side; `time`, with the latest rows held out. `auto` takes `grouped` where the
            schema names a group, else `time` where it names a time, else `stratified` for classes.
        share: Of the rows that are held out, above 0 and below 1.
        last: Of a split by time: how much time is held out instead, such as `14d`.
        seed: Of the draw, >= 0.

    Raises:
        InvalidInput: A parameter is wrong, or the method would put a group on both sides.
        InvalidData: A side would be empty, a side lacks a label, or something leaked.
    """
    if not 0 < share < 1:
        raise InvalidInput(f"share is {share}; expected a number above 0 and below 1.")
    if len({each.resolve() for each in (path, train, holdout)}) < 3:
        raise InvalidInput("Data set, train and holdout are not three different files.")
    if seed < 0:
        raise InvalidInput(f"seed is {seed}; expected 0 or more.")
    if method not in get_args(Method):
        raise InvalidInput(f"method is {method!r}; expected one of {', '.join(get_args(Method))}.")
    chosen = _chosen(method, schema)
    if last and chosen != "time":
        raise InvalidInput(f"last is given, but the split is {chosen}; it is for a split by time.")
    roles = [name for name in (schema.target, schema.time, schema.group) if name]
    rows = read_table(path, roles)
    if len(rows) < 2:
        raise InvalidData(f"There are {len(rows)} rows; expected at least 2 to split.")
    held, boundary = _held(rows, schema, chosen, share, last, seed)
    _check(rows, schema, held, chosen)
    sides = [_write(path, side, target) for side, target in ((~held, train), (held, holdout))]
    return Split(sides[0], sides[1], chosen, boundary)


def _chosen(method: Method, schema: DataSchema) -> str:
    if method == "auto":
        if schema.group:
            return "grouped"
        if schema.time:
            return "time"
        return "random" if schema.task == "regression" else "stratified"
    if method == "grouped" and not schema.group:
        raise InvalidInput("A grouped split needs a schema that names the group.")
    if method == "time" and not schema.time:
        raise InvalidInput("A split by time needs a schema that names the time.")
    if method == "stratified" and schema.task == "regression":
        raise InvalidInput("A stratified split needs labels; use random for a regression.")
    return method


def _held(
    rows: pd.DataFrame, schema: DataSchema, method: str, share: float, last: str, seed: int
) -> tuple[NDArray[np.bool_], str]:
    """Say of each row whether it is held out."""
    if method == "time":
        return _latest(rows, schema, share, last)
    drawn: dict[str, Callable[[], NDArray[np.bool_]]] = {
        "random": lambda: _drawn(len(rows), share, seed, None),
        "stratified": lambda: _drawn(len(rows), share, seed, answers(rows, schema)),
        "grouped": lambda: _grouped(rows[schema.group], share, seed),
    }
    return drawn[method](), ""


def _drawn(
    rows: int, share: float, seed: int, labels: NDArray[np.generic] | None
) -> NDArray[np.bool_]:
    try:
        _, places = train_test_split(
            np.arange(rows), test_size=share, random_state=seed, stratify=labels
        )
    except ValueError as error:
        raise InvalidData(f"The {rows} rows cannot be split: {error}") from error
    held = np.zeros(rows, dtype=bool)
    held[places] = True
    return held


def _grouped(groups: pd.Series, share: float, seed: int) -> NDArray[np.bool_]:
    """Draw groups until they have the share of rows that is asked; at least one stays on a side."""
    if missing := int(groups.isna().sum()):
        raise InvalidData(f"{missing} rows are of no group.")
    counts = groups.value_counts().sort_index()
    if len(counts) < 2:
        raise InvalidData("All rows are of one group; a grouped split needs at least two.")
    order = np.random.default_rng(seed).permutation(len(counts))
    sizes = counts.to_numpy()[order].cumsum()
    wanted = int(np.clip(np.abs(sizes - share * len(groups)).argmin() + 1, 1, len(counts) - 1))
    chosen = counts.index[order[:wanted]]
    held: NDArray[np.bool_] = groups.isin(chosen).to_numpy()
    return held


def _latest(
    rows: pd.DataFrame, schema: DataSchema, share: float, last: str
) -> tuple[NDArray[np.bool_], str]:
    moments = instants(rows, schema)
    assert moments is not None
    if missing := int(moments.isna().sum()):
        raise InvalidData(f"{missing} rows have no {schema.time}.")
    if last:
        seconds = seconds_of("last", last)
        if seconds <= 0:
            raise InvalidInput(f"last is {last}; expected a duration above zero, such as 14d.")
        whole = (moments.max() - moments.min()).total_seconds() + 1
        # A longer time than pandas can tell holds out everything, too.
        boundary = moments.max() - pd.Timedelta(seconds=min(seconds, whole))
        held = moments > boundary
        boundary = moments[held].min()
    else:
        place = min(round(len(moments) * (1 - share)), len(moments) - 1)
        # Rows of one instant stay together, on the side of the holdout.
        boundary = moments.sort_values().iloc[place]
        held = moments >= boundary
    if held.all():
        raise InvalidData(
            f"All {len(rows)} rows are in the part that would be held out, so none is left to "
            "learn from; hold out less, or take a longer span of data."
        )
    return held.to_numpy(), boundary.strftime("%Y-%m-%dT%H:%M:%S.%fZ").replace(".000000", "")


def _check(rows: pd.DataFrame, schema: DataSchema, held: NDArray[np.bool_], method: str) -> None:
    """Look for what must not be on both sides, whatever drew them.

    Raises:
        InvalidInput: The method put a group on both sides.
        InvalidData: A side lacks a label, or a time split is none.
    """
    if schema.group:
        both = set(rows.loc[held, schema.group].dropna()) & set(
            rows.loc[~held, schema.group].dropna()
        )
        if both:
            raise InvalidInput(
                f"A {method} split puts {len(both)} groups on both sides, for example "
                f"{min(both, key=str)!r}, and the model would be judged on what it knows. Use "
                f"grouped, or take group: {schema.group} out of the schema."
            )
    if method == "time":
        moments = instants(rows, schema)
        assert moments is not None
        if not moments[~held].max() < moments[held].min():
            raise InvalidData("A row to learn from is not older than every row of the holdout.")
    for side, name in ((~held, "to learn from"), (held, "to be judged by")):
        try:
            found = labels(rows[side], schema)
        except InvalidData as error:
            raise InvalidData(f"Of the {int(side.sum())} rows {name}: {error}") from error
        if schema.task == "multiclass" and name == "to be judged by":
            unknown = sorted(set(found) - set(labels(rows[~held], schema)))
            if unknown:
                raise InvalidData(
                    f"The labels {', '.join(unknown)} are in the holdout only; use a stratified "
                    "split, or more rows of them."
                )


def _write(path: Path, side: NDArray[np.bool_], target: Path) -> Table:
    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in read_batches(path):
            yield batch.filter(pa.array(side[start : start + batch.num_rows]))
            start += batch.num_rows

    return write_batches(target, table_schema(path), batches())
