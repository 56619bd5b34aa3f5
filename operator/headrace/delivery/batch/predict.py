"""Predict a whole table, partition by partition; a run that was interrupted goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from headrace.delivery.batch.store import BatchStore
from headrace.delivery.batch.tallies import PREDICTION, Drift, Tallies
from headrace.delivery.page import render_page
from headrace.errors import InvalidBundle, InvalidData, InvalidInput
from headrace.serving.bundle import Bundle, read_bundle
from headrace.serving.model import checked
from headrace.serving.request import LARGEST_NUMBER, Cell
from headrace.serving.runtimes import Model, load_model
from headrace.serving.signature import Column
from headrace.training.data.table import describe_table, read_batches, table_schema
from headrace.training.model.columns import inputs_of, request_of
from headrace.training.model.fitted import DESCRIPTION, read_description

FORMAT = "headrace.dev/batch/v2"
VERSION, FAULT = "model_version", "fault"
"""Columns beside the prediction: which version gave it, and why there is none."""

_LARGEST_PARTITION = 1_000_000


@dataclass(frozen=True)
class Batch:
    """What is to be predicted.

    Attributes:
        rows: Parquet, with the columns of a request.
        keys: Columns that are copied beside the predictions, to know whose they are.
        partition_rows: Rows of a partition: what is in memory, and what a crash costs.
        largest_failed: The share of rows that may have no prediction, because a value is none
            that a request could carry.
        own_folder: Whether it has a folder of its own below the target, named by what it is made
            of: the same batch goes on there, and another one has another folder.
    """

    rows: Path
    keys: tuple[str, ...] = ()
    partition_rows: int = 100_000
    largest_failed: float = 0.0
    own_folder: bool = False


@dataclass(frozen=True)
class Predicted:
    """A batch that is done.

    Attributes:
        rows: How many there were.
        failed: How many of them have no prediction, by what is wrong.
        partitions: How many there are.
        resumed: How many of them an earlier run had done.
        drifts: Of each input and of the predictions.
    """

    name: str
    version: str
    digest: str
    data_digest: str
    uri: str
    rows: int
    failed: Mapping[str, int]
    partitions: int
    resumed: int
    drifts: tuple[Drift, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of what has drifted."""
        return tuple(each.name for each in self.drifts if each.drifted)

    def metrics(self) -> dict[str, float]:
        """Give the single numbers by name."""
        *inputs, prediction = (each.index for each in self.drifts)
        return {
            "rows": float(self.rows),
            "failed": float(sum(self.failed.values())),
            "prediction_psi": prediction,
            "worst_input_psi": max(inputs, default=0.0),
        }

    def page(self) -> str:
        """Give all of it as an HTML page."""
        return render_page(
            "batch.html", title=f"Predictions of {self.name} {self.version}", batch=self
        )


def batch_predict(folder: Path, batch: Batch, target: str, say: Callable[[str], None]) -> Predicted:
    """Predict a table.

    Args:
        folder: The bundle.
        batch: What is to be predicted.
        target: Where the partitions go, see `BatchStore`.
        say: Is told of each partition, in sentences.

    Raises:
        NotFound: There is no bundle.
        InvalidBundle: The bundle is none, or fails on rows that a request could carry.
        InvalidData: The rows lack a column, or too many have no prediction.
        InvalidInput: The size of a partition is none, or the target cannot be written.
        Conflict: The target has another batch.
        PlatformUnavailable: The storage does not answer; a retry goes on where this run stopped.
    """
    if not 1 <= batch.partition_rows <= _LARGEST_PARTITION:
        raise InvalidInput(
            f"A partition of {batch.partition_rows} rows is none; "
            f"expected 1 to {_LARGEST_PARTITION}."
        )
    predictor = _Predictor(folder, batch.keys)
    predictor.require_columns(table_schema(batch.rows).names)
    table = describe_table(batch.rows)
    bundle = predictor.bundle
    identity = {
        "format": FORMAT,
        "bundle": bundle.digest,
        "data": table.digest,
        "rows": table.rows,
        "partitionRows": batch.partition_rows,
        "keys": list(batch.keys),
    }
    place = f"{target.rstrip('/')}/{_folder_of(identity)}" if batch.own_folder else target
    store = BatchStore(place)
    store.claim(identity)
    tallies = Tallies(bundle.reference)
    failed: dict[str, int] = {}
    resumed = 0
    count = -(-table.rows // batch.partition_rows)
    for number, parts in enumerate(_partitions(batch, predictor.columns)):
        known = store.done(number)
        if known is None:
            known = predictor.predict(_frame(parts), store, number)
            say(f"partition {number + 1} of {count}: {known['rows']} rows")
        else:
            resumed += 1
        tallies.merge(known["tallies"])
        for fault, times in known["failed"].items():
            failed[fault] = failed.get(fault, 0) + times
    found = Predicted(
        name=bundle.signature.name,
        version=bundle.signature.version,
        digest=bundle.digest,
        data_digest=table.digest,
        uri=place,
        rows=table.rows,
        failed=failed,
        partitions=count,
        resumed=resumed,
        drifts=tallies.drifts(),
    )
    _require(found, batch.largest_failed)
    store.finish({"format": FORMAT, **asdict(found), "resumed": None})
    return found


def _folder_of(identity: Mapping[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True)
    return f"batch-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class _Predictor:
    """One bundle, ready to predict partitions."""

    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self.bundle: Bundle = read_bundle(folder)
        self._model: Model = load_model(self.bundle)
        self._keys = tuple(keys)
        self._features = ""
        self._request: tuple[Column, ...] = self.bundle.signature.inputs
        if (folder / DESCRIPTION).is_file():
            known = read_description(folder)
            self._features, self._request = known.features, known.request_columns

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of the table."""
        return tuple(dict.fromkeys((*self._keys, *(each.name for each in self._request))))

    def require_columns(self, present: Sequence[str]) -> None:
        if missing := [name for name in self.columns if name not in present]:
            raise InvalidData(
                f"The rows lack the columns {', '.join(missing)}; they have {', '.join(present)}."
            )
        taken = {VERSION, FAULT, PREDICTION} & set(self._keys)
        if taken:
            raise InvalidInput(f"The keys {', '.join(taken)} are names of the predictions' own.")

    def predict(self, rows: pd.DataFrame, store: BatchStore, number: int) -> dict[str, Any]:
        """Predict a partition, keep it, and give what is known of it."""
        faults = faults_of(rows, self._request)
        good = rows[faults == ""]
        tallies = Tallies(self.bundle.reference)
        predictions = np.full(len(rows), None, dtype=object)
        if len(good):
            inputs, found = self._answers(good)
            tallies.add(inputs, found)
            predictions[(faults == "").to_numpy()] = found
        kept = rows[list(self._keys)].reset_index(drop=True)
        kept[PREDICTION] = _column(predictions, self.bundle.signature.output.kind)
        kept[VERSION] = pd.Series([self.bundle.signature.version] * len(rows), dtype="string")
        kept[FAULT] = pd.Series(faults.where(faults != "", None).to_numpy(), dtype="string")
        counted = faults[faults != ""].value_counts()
        known = {
            "rows": len(rows),
            "failed": {str(fault): int(times) for fault, times in counted.items()},
            "tallies": tallies.document(),
        }
        store.write(number, kept, known)
        return known

    def _answers(self, rows: pd.DataFrame) -> tuple[dict[str, list[Cell]], list[Any]]:
        signature = self.bundle.signature
        request = request_of(rows, self._request)
        inputs = inputs_of(request, self._features, signature.inputs)
        try:
            found = checked(self._model.predict(inputs), len(rows), signature.output)
        except Exception as error:  # a model is foreign code, which may raise anything
            raise InvalidBundle(
                f"{signature.name} {signature.version} fails on rows that a request could carry: "
                f"{error}"
            ) from error
        return inputs, list(found)


def faults_of(rows: pd.DataFrame, columns: Sequence[Column]) -> pd.Series:
    """Say what is wrong with each row, that a server would refuse it; empty where nothing is."""
    faults = pd.Series("", index=rows.index, dtype=object)
    for column in columns:
        values = rows[column.name]
        missing = values.isna()
        if not column.nullable:
            faults = faults.mask((faults == "") & missing, f"{column.name} is missing")
        if column.type == "number":
            numbers = pd.to_numeric(values, errors="coerce").astype("float64")
            broken = ~missing & (numbers.isna() | (numbers.abs() > LARGEST_NUMBER))
            faults = faults.mask((faults == "") & broken, f"{column.name} is no finite number")
    return faults


def _partitions(batch: Batch, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """Cut a file into partitions of equal size, whatever its row groups are."""
    parts: list[pa.RecordBatch] = []
    room = batch.partition_rows
    for read in read_batches(batch.rows, columns, batch.partition_rows):
        start = 0
        while start < read.num_rows:
            parts.append(read.slice(start, room))
            start += parts[-1].num_rows
            room -= parts[-1].num_rows
            if room == 0:
                yield tuple(parts)
                parts, room = [], batch.partition_rows
    if parts:
        yield tuple(parts)


def _frame(parts: Sequence[pa.RecordBatch]) -> pd.DataFrame:
    frame: pd.DataFrame = pa.Table.from_batches(list(parts)).to_pandas()
    return frame


def _column(predictions: np.ndarray[Any, Any], kind: str) -> pd.Series:
    dtype = "string" if kind == "label" else "float64"
    return pd.Series(predictions, dtype=dtype)


def _require(found: Predicted, largest: float) -> None:
    failed = sum(found.failed.values())
    if failed > largest * found.rows:
        told = ", ".join(f"{times} times {fault}" for fault, times in found.failed.items())
        raise InvalidData(
            f"{failed} of {found.rows} rows have no prediction: {told}. At most "
            f"{largest:.3%} are allowed. The column {FAULT} of {found.uri} has them."
        )
