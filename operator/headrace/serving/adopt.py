"""Makes a bundle of a model file that was trained elsewhere, and of rows that it can answer."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.errors import InvalidBundle, InvalidData, NotFound
from headrace.serving.bundle import Example, write_bundle
from headrace.serving.reference import Categories, Distribution, Histogram, Reference
from headrace.serving.request import Cell
from headrace.serving.runtimes import OnnxModel, SkopsModel
from headrace.serving.signature import MODEL_FILES, Column, ColumnType, Output, Runtime, Signature

_RUNTIMES: Mapping[str, Runtime] = {".onnx": "onnx", ".skops": "skops"}
_MOST_ROWS = 10_000
_EXAMPLES = 100


def adopt(
    model_file: Path,
    data: Path,
    target: Path,
    name: str,
    version: str,
    output: Output,
) -> str:
    """Package a model file as a bundle.

    Args:
        model_file: `*.onnx` or `*.skops`.
        data: A CSV file with a header: just the model's inputs, a few hundred typical rows. A
            column whose values are all numbers is a number; an empty cell is a missing value.
        target: The bundle's directory, which must not exist.
        name: The model's name.
        version: The version's name.
        output: What the model gives for a row.

    Returns:
        The bundle's digest.

    Raises:
        NotFound: A file is not there.
        InvalidData: The CSV cannot be used.
        InvalidBundle: The model cannot be loaded, or not with these columns.
        Conflict: `target` is there already.
    """
    runtime = _RUNTIMES.get(model_file.suffix)
    if runtime is None:
        raise InvalidBundle(
            f"{model_file.name} is neither .onnx nor .skops. Pickled models are never loaded, "
            "because loading them runs code: convert it, with skl2onnx or skops."
        )
    for file in (model_file, data):
        if not file.is_file():
            raise NotFound(f"There is no file {file}.")
    columns = read_columns(data)
    inputs = tuple(
        Column(name, _type_of(values), nullable=None in values) for name, values in columns.items()
    )
    signature = Signature(
        name=name,
        version=version,
        runtime=runtime,
        file=MODEL_FILES[runtime],
        inputs=inputs,
        output=output,
        metadata={"source": model_file.name},
    )
    model = model_file.read_bytes()
    loaded = OnnxModel(signature, model) if runtime == "onnx" else SkopsModel(signature, model)
    try:
        predicted = loaded.predict(columns).tolist()
    except Exception as error:  # a model is foreign code, which may raise anything
        raise InvalidBundle(
            f"{model_file.name} does not answer the rows of {data.name}: {error}. "
            "Expected: just the model's inputs as columns, in values that it takes."
        ) from error
    reference = Reference(
        features={column.name: _measure(column, columns[column.name]) for column in inputs},
        prediction=Categories.measure(map(str, predicted))
        if output.kind == "label"
        else Histogram.measure(predicted),
    )
    return write_bundle(
        target, signature, model, reference, _rows(columns)[:_EXAMPLES], _card(signature, data)
    )


def read_columns(data: Path) -> dict[str, list[Cell]]:
    """Read a CSV file by columns.

    Raises:
        InvalidData: It has no header, no rows, or rows of different lengths.
    """
    try:
        with data.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))[: _MOST_ROWS + 1]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidData(f"{data} cannot be read as CSV in UTF-8: {error}.") from error
    if len(rows) < 2:
        raise InvalidData(f"{data} has no rows; expected a header and at least one row.")
    header = rows[0]
    if len(set(header)) != len(header) or not all(header):
        raise InvalidData(f"{data} has a header with empty or repeated names: {', '.join(header)}.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise InvalidData(
                f"{data}, line {number}: {len(row)} values; the header has {len(header)}."
            )
    return {name: _cells([row[i] for row in rows[1:]]) for i, name in enumerate(header)}


def _cells(texts: Sequence[str]) -> list[Cell]:
    try:
        numbers = [float(text) if text else None for text in texts]
    except ValueError:
        return [text or None for text in texts]
    # "nan" and "inf" read as numbers, but no request can carry them: they are missing values.
    return [number if number is None or math.isfinite(number) else None for number in numbers]


def _type_of(values: Sequence[Cell]) -> ColumnType:
    return "string" if any(isinstance(value, str) for value in values) else "number"


def _measure(column: Column, values: Sequence[Cell]) -> Distribution:
    if column.type == "string":
        return Categories.measure(None if value is None else str(value) for value in values)
    return Histogram.measure([float("nan") if value is None else float(value) for value in values])


def _rows(columns: Mapping[str, Sequence[Cell]]) -> list[Example]:
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _card(signature: Signature, data: Path) -> str:
    inputs = "\n".join(f"- `{column.name}`: {column.type}" for column in signature.inputs)
    return (
        f"# {signature.name} {signature.version}\n\n"
        f"Adopted from `{signature.metadata['source']}` with the rows of `{data.name}`.\n\n"
        f"Inputs:\n\n{inputs}\n\nOutput: `{signature.output.name}`, a {signature.output.kind}.\n"
    )
