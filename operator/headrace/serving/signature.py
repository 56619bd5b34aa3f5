"""What a model takes and gives: the document `model.json` of a bundle.

Reading reports every fault of the document at once. This module knows nothing of files.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeGuard, cast, get_args

from headrace.errors import Fault

FORMAT = "headrace.dev/bundle/v1"

ColumnType = Literal["number", "string"]
OutputKind = Literal["probability", "number", "label"]
Runtime = Literal["onnx", "skops"]

MODEL_FILES: Mapping[Runtime, str] = {"onnx": "model.onnx", "skops": "model.skops"}

_LONGEST_NAME = 253
_MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class Column:
    """One input of a model or one column of a request.

    Attributes:
        name: Unique among its siblings.
        type: `number` is a finite float; `string` is text.
        nullable: Whether null is allowed. The model gets NaN for a number and "" for a string.
    """

    name: str
    type: ColumnType
    nullable: bool = False


@dataclass(frozen=True)
class Output:
    """The one value that a model gives for a row.

    Attributes:
        name: What the value is called in answers.
        kind: `probability` is in [0, 1], `number` is any finite float, `label` is text.
        threshold: In [0, 1]: a probability above it counts as a positive answer. None for the
            other kinds.
        tensor: The output of the ONNX graph that holds it; None takes the first for a label and
            the last otherwise, which is right for what skl2onnx writes.
        tolerance: Of a number, in its own unit: how far apart the answers of two versions may be
            and still agree. None for 1 % of the larger one.
    """

    name: str
    kind: OutputKind
    threshold: float | None = None
    tensor: str | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class Signature:
    """A model's name, version, inputs and output, and how it is run.

    Attributes:
        name: The model's name, a label of every metric.
        version: The version, a label of every metric.
        runtime: What runs the file.
        file: The model's file within the bundle: `model.onnx` or `model.skops`.
        inputs: The model's columns in the order in which it was trained.
        output: What it gives.
        metadata: Free text about the model, such as the commit that trained it.
    """

    name: str
    version: str
    runtime: Runtime
    file: str
    inputs: tuple[Column, ...]
    output: Output
    metadata: Mapping[str, str] = field(default_factory=lambda: types.MappingProxyType({}))

    def to_document(self) -> dict[str, object]:
        """Give the content of `model.json`."""
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "runtime": self.runtime,
            "file": self.file,
            "inputs": [
                {"name": column.name, "type": column.type, "nullable": column.nullable}
                for column in self.inputs
            ],
            "output": {
                "name": self.output.name,
                "kind": self.output.kind,
                "threshold": self.output.threshold,
                "tensor": self.output.tensor,
                # Left out where there is none: servers of before know no such field.
                **({} if self.output.tolerance is None else {"tolerance": self.output.tolerance}),
            },
            "metadata": dict(self.metadata),
        }


def parse_signature(document: Mapping[str, object]) -> tuple[Signature | None, list[Fault]]:
    """Read the content of `model.json`.

    Args:
        document: What JSON gave; its fields may hold anything.

    Returns:
        The signature and no faults, or None and every fault in the order of the document.
    """
    return _SignatureReader().read(document)


class _SignatureReader:
    """Collects faults while it walks one document."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def read(self, document: Mapping[str, object]) -> tuple[Signature | None, list[Fault]]:
        if document.get("format") != FORMAT:
            self._fault("format", document.get("format"), f'"{FORMAT}"')
        self._only(document, "", {"format", *Signature.__dataclass_fields__})
        name = self._label(document, "name")
        version = self._label(document, "version")
        runtime = self._choice(document, "runtime", get_args(Runtime))
        if runtime and document.get("file") != MODEL_FILES[cast(Runtime, runtime)]:
            expected = f'"{MODEL_FILES[cast(Runtime, runtime)]}" for this runtime'
            self._fault("file", document.get("file"), expected)
        inputs = self._inputs(document.get("inputs"))
        output = self._output(document.get("output"))
        metadata = self._metadata(document.get("metadata", {}))
        if self.faults:
            return None, self.faults
        signature = Signature(
            name=name,
            version=version,
            runtime=cast(Runtime, runtime),
            file=MODEL_FILES[cast(Runtime, runtime)],
            inputs=inputs,
            output=output,
            metadata=metadata,
        )
        return signature, []

    def _inputs(self, value: object) -> tuple[Column, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= _MOST_COLUMNS:
            self._fault("inputs", value, f"a list of 1 to {_MOST_COLUMNS} columns")
            return ()
        columns = []
        seen: set[str] = set()
        for position, item in enumerate(value):
            path = f"inputs[{position}]"
            if not _is_object(item):
                self._fault(path, item, "an object with name and type")
                continue
            self._only(item, f"{path}.", set(Column.__dataclass_fields__))
            name = self._text(item, "name", f"{path}.")
            kind = self._choice(item, "type", get_args(ColumnType), f"{path}.")
            nullable = item.get("nullable", False)
            if not isinstance(nullable, bool):
                self._fault(f"{path}.nullable", nullable, "true or false")
            if name and name in seen:
                self._fault(f"{path}.name", name, "a name that no other input has")
            seen.add(name)
            columns.append(Column(name, cast(ColumnType, kind), nullable is True))
        return tuple(columns)

    def _output(self, value: object) -> Output:
        if not _is_object(value):
            self._fault("output", value, "an object with name and kind")
            return Output("", "number")
        self._only(value, "output.", set(Output.__dataclass_fields__))
        name = self._text(value, "name", "output.")
        kind = self._choice(value, "kind", get_args(OutputKind), "output.")
        threshold = value.get("threshold")
        if kind == "probability":
            if not _is_number(threshold) or not 0 <= threshold <= 1:
                expected = "a number in [0, 1]: a probability above it is a positive answer"
                self._fault("output.threshold", threshold, expected, '"threshold": 0.5')
        elif kind and threshold is not None:
            self._fault("output.threshold", threshold, f"null for an output of kind {kind}")
        tensor = value.get("tensor")
        if tensor is not None:
            tensor = self._text(value, "tensor", "output.")
        tolerance = value.get("tolerance")
        if tolerance is not None and not (
            kind == "number" and _is_number(tolerance) and tolerance >= 0
        ):
            expected = "a number from 0 on for an output of kind number, else null"
            self._fault("output.tolerance", tolerance, expected)
        return Output(
            name=name,
            kind=cast(OutputKind, kind),
            threshold=float(threshold) if _is_number(threshold) else None,
            tensor=tensor,
            tolerance=float(tolerance) if _is_number(tolerance) else None,
        )

    def _metadata(self, value: object) -> Mapping[str, str]:
        if not _is_object(value):
            self._fault("metadata", value, "an object of texts")
            return {}
        for key, text in value.items():
            if not isinstance(text, str):
                self._fault(f"metadata.{key}", text, "a text")
        return types.MappingProxyType({key: str(text) for key, text in value.items()})

    def _label(self, parent: Mapping[str, object], key: str) -> str:
        value = self._text(parent, key)
        if value.isascii():
            return value
        self._fault(key, value, "plain ASCII, because HTTP headers carry it")
        return ""

    def _text(self, parent: Mapping[str, object], key: str, where: str = "") -> str:
        value = parent.get(key)
        if isinstance(value, str) and is_name(value):
            return value
        expected = f"a text of 1 to {_LONGEST_NAME} printable characters"
        self._fault(f"{where}{key}", value, expected)
        return ""

    def _choice(
        self, parent: Mapping[str, object], key: str, choices: tuple[str, ...], where: str = ""
    ) -> str:
        value = parent.get(key)
        if isinstance(value, str) and value in choices:
            return value
        self._fault(f"{where}{key}", value, " or ".join(f'"{choice}"' for choice in choices))
        return ""

    def _only(self, value: Mapping[str, object], where: str, allowed: set[str]) -> None:
        for key in sorted(set(value) - allowed):
            expected = "one of " + ", ".join(sorted(allowed))
            self.faults.append(Fault(f"{where}{shown(key)}", "is an unknown field", expected))

    def _fault(self, path: str, value: object, expected: str, example: str = "") -> None:
        problem = "is missing" if value is None else f"is {shown(value)}"
        self.faults.append(Fault(path, problem, expected, example))


def is_name(value: str) -> bool:
    """Say whether a text can name a model, a version, a column or an output."""
    return 0 < len(value) <= _LONGEST_NAME and value.isprintable() and value == value.strip()


def shown(value: object, longest: int = 40) -> str:
    """Give a value as an error text shows it: on one line, cut after `longest` characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and value.bit_length() > 64:
        return "an integer of more than 64 bits"
    text = repr(value[:longest] if isinstance(value, str) else value)
    return text if len(text) <= longest + 2 else text[:longest] + "..."


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_number(value: object) -> TypeGuard[float]:
    """Leave out booleans, NaN, infinities and integers that no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e308 and math.isfinite(value)
