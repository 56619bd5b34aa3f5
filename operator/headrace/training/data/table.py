"""A data set on the disk: one Parquet file, and a digest of its content.

The digest covers names, kinds of types and values in the order of the rows, not the bytes of the
file: another version of Parquet's writer, other compression or other row groups give the same one.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headrace.errors import InvalidData, PlatformUnavailable

_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800
"""Where the years of ISO 8601 begin and end, in seconds of Unix time."""

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

BATCH_ROWS = 100_000
"""Rows that are in memory at a time."""


@dataclass(frozen=True)
class Table:
    """What is known about a stored data set.

    Attributes:
        path: The Parquet file.
        rows: How many.
        digest: Of its content, `sha256:` and 64 hexadecimal digits.
    """

    path: Path
    rows: int
    digest: str

    def metadata(self) -> dict[str, str]:
        """Give what goes into an artifact's metadata, where whole numbers become floats."""
        return {"rows": str(self.rows), "digest": self.digest}


class ContentDigest:
    """Hashes a table's content batch by batch; how the rows are cut into batches is no matter.

    For each column three streams are hashed: which values are there, the values, and for texts
    their lengths. Whole numbers count as 64 bits, fractions as float64, NaN as missing, instants
    as microseconds in UTC.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._names = [(field.name, _kind(field)) for field in schema]
        self._streams = [tuple(hashlib.sha256() for _ in range(3)) for _ in schema]

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows."""
        for (_, kind), streams, column in zip(
            self._names, self._streams, batch.columns, strict=True
        ):
            for stream, part in zip(streams, _parts(column, kind), strict=True):
                stream.update(part)

    def result(self) -> str:
        """Give the digest of all rows so far."""
        whole = hashlib.sha256()
        for (name, kind), streams in zip(self._names, self._streams, strict=True):
            for part in (name.encode(), kind.encode(), *(each.digest() for each in streams)):
                whole.update(len(part).to_bytes(8, "big"))
                whole.update(part)
        return f"sha256:{whole.hexdigest()}"


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Table:
    """Store a table batch by batch; it is there as a whole or not at all.

    Decimals become float64, and texts in a dictionary plain texts.

    Args:
        path: The file to write; replaced if it is there.
        schema: Of every batch.
        batches: The rows.

    Raises:
        InvalidData: A column holds lists or other nested values, or two share a name.
        PlatformUnavailable: The disk did not take it.
    """
    stored = _stored(schema)
    digest = ContentDigest(stored)
    rows = 0
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(beside, stored) as writer:
            for batch in batches:
                cast = batch.cast(stored)
                digest.add(cast)
                writer.write_batch(cast)
                rows += cast.num_rows
        beside.replace(path)
    except OSError as error:
        raise PlatformUnavailable(f"{path} cannot be written: {error}.") from error
    finally:
        beside.unlink(missing_ok=True)
    return Table(path, rows, digest.result())


def write_table(path: Path, rows: pd.DataFrame) -> Table:
    """Store rows that are in memory.

    Raises:
        InvalidData: A column mixes types or holds nested values, or two share a name.
        PlatformUnavailable: The disk did not take it.
    """
    try:
        with warnings.catch_warnings():
            # pyarrow 25 reads instants in a way that pandas 3.1 will change.
            warnings.filterwarnings("ignore", "Series.values returning an ndarray")
            table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise InvalidData(f"The rows cannot be stored: {_said(error)}.") from error
    return write_batches(path, table.schema, table.to_batches(BATCH_ROWS))


def read_batches(
    path: Path, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Read a stored table part by part.

    Args:
        path: The file.
        columns: Which columns; None for all.
        rows: Rows of one batch at most.

    Raises:
        InvalidData: The file is missing, no Parquet or damaged, lacks a column, or holds nested
            values.
    """
    with _opened(path) as file:
        _require(path, file.schema_arrow, columns)
        try:
            for batch in file.iter_batches(batch_size=rows, columns=columns and list(columns)):
                _require_sound(path, batch)
                yield batch
        except (OSError, pa.ArrowException) as error:
            raise _broken(path, error) from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a stored table into memory.

    Raises:
        InvalidData: The file is missing, no Parquet or damaged, lacks a column, or holds nested
            values.
    """
    with _opened(path) as file:
        _require(path, file.schema_arrow, columns)
        try:
            table = file.read(columns=columns and list(columns))
            _require_sound(path, table)
        except (OSError, pa.ArrowException) as error:
            raise _broken(path, error) from error
        frame: pd.DataFrame = table.to_pandas()
        return frame


def describe_table(path: Path) -> Table:
    """Count and digest a stored table.

    Raises:
        InvalidData: The file is missing or no Parquet.
    """
    digest = ContentDigest(table_schema(path))
    rows = 0
    for batch in read_batches(path):
        digest.add(batch)
        rows += batch.num_rows
    return Table(path, rows, digest.result())


def table_schema(path: Path) -> pa.Schema:
    """Read names and types of a stored table's columns.

    Raises:
        InvalidData: The file is missing or no Parquet.
    """
    with _opened(path) as file:
        return file.schema_arrow


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise _broken(path, error) from error
    _require_once(file.schema_arrow.names)
    return file


def _broken(path: Path, error: Exception) -> InvalidData:
    return InvalidData(f"{path} cannot be read as Parquet: {_said(error)}.")


def _require_once(names: Sequence[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidData(f"The columns {', '.join(twice)} are there twice; name each once.")


def _require(path: Path, found: pa.Schema, columns: Sequence[str] | None) -> None:
    if missing := [name for name in columns or () if name not in found.names]:
        raise InvalidData(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(found.names)}."
        )
    for field in found:
        if columns is None or field.name in columns:
            _stored_type(field)


def _require_sound(path: Path, rows: pa.Table | pa.RecordBatch) -> None:
    """Refuse texts that are not UTF-8, and instants that no calendar has."""
    rows.validate(full=True)
    for field, values in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_timestamp(field.type):
            seconds = _PER_SECOND[field.type.unit]
            low, high = pc.min_max(values.cast(pa.int64())).as_py().values()
            if low is not None and not (_YEAR_1 * seconds <= low and high < _YEAR_10000 * seconds):
                raise InvalidData(
                    f"{path} has an instant in {field.name} before the year 1 or after 9999; "
                    "milliseconds may have been taken for seconds."
                )


def _stored(schema: pa.Schema) -> pa.Schema:
    _require_once(schema.names)
    return pa.schema([pa.field(field.name, _stored_type(field)) for field in schema])


def _stored_type(field: pa.Field) -> pa.DataType:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    _kind(field.with_type(kind))
    return kind


def _kind(field: pa.Field) -> str:
    kind = field.type
    for name, holds in (
        ("boolean", pa.types.is_boolean),
        ("integer", pa.types.is_integer),
        ("number", pa.types.is_floating),
        ("text", pa.types.is_string),
        ("text", pa.types.is_large_string),
        ("instant", pa.types.is_timestamp),
        ("instant", pa.types.is_date),
        ("nothing", pa.types.is_null),
    ):
        if holds(kind):
            return name
    raise InvalidData(
        f"The column {field.name} is of type {kind}; expected numbers, texts, booleans or "
        "instants. Select or convert its parts in the query."
    )


def _parts(column: pa.Array, kind: str) -> tuple[bytes, bytes, bytes]:
    """Give which values are there, their lengths, and themselves."""
    if kind == "number":
        column = pc.if_else(pc.is_nan(column), None, column)
    there = np.asarray(column.is_valid()).astype(np.uint8).tobytes()
    if kind == "nothing":
        return there, b"", b""
    if kind == "text":
        filled = column.cast(pa.large_string()).fill_null("")
        lengths = np.asarray(pc.binary_length(filled)).astype("<i8").tobytes()
        return there, lengths, "".join(filled.to_pylist()).encode()
    wide = {
        "boolean": pa.uint8(),
        "integer": pa.uint64() if pa.types.is_uint64(column.type) else pa.int64(),
        "number": pa.float64(),
        "instant": pa.timestamp("us"),
    }[kind]
    values = pc.cast(column, wide, safe=False)
    if kind == "instant":
        values = values.cast(pa.int64())
    filled = values.fill_null(0)
    # Minus zero equals zero, and so must its bytes.
    plain = np.asarray(filled) + 0.0 if kind == "number" else np.asarray(filled)
    return there, b"", plain.tobytes()


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
