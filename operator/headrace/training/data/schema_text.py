"""Data schemas as YAML text: read with every fault at once, written for reviewers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from headrace.api.documents import format_path
from headrace.api.fields import RuleBroken, format_duration
from headrace.api.yaml_text import NotYaml, read_documents
from headrace.errors import Fault, InvalidInput
from headrace.training.data.schema import Column, DataSchema

_NOTES = {
    "task": "binary, multiclass or regression",
    "target": "the column with the answer",
    "positive": "the label whose probability the model gives",
    "key": "no two rows share all of these",
    "time": "when a row was known: splits and freshness go by it",
    "group": "rows of one group stay on one side of a split",
    "weight": "how much a row counts",
    "freshness": "the newest row may be this old",
    "leastRows": "fewer rows are refused",
}

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""Words that YAML reads as themselves without quotes, but for `no` and the like."""


def parse_schema(text: str, source: str = "schema") -> DataSchema:
    """Read a data schema.

    Args:
        text: One YAML document.
        source: Its name in messages.

    Raises:
        InvalidInput: It is none; the text has every fault.
    """
    try:
        documents = read_documents(text)
    except NotYaml as error:
        fault = Fault(f"line {error.line}, column {error.column}", str(error), error.expected)
        raise _invalid(source, [fault]) from error
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise _invalid(source, [Fault("(document)", "is no single mapping", "task: ...")])
    faults = list(documents[0].faults)
    try:
        schema = DataSchema.model_validate(documents[0].data)
    except ValidationError as error:
        faults += [fault for details in error.errors() for fault in _faults(details)]
        raise _invalid(source, faults) from error
    if faults:
        raise _invalid(source, faults)
    return schema


def to_yaml(schema: DataSchema) -> str:
    """Write a schema with a comment on each role, one line a column.

    `parse_schema` gives the same schema back.
    """
    lines = [
        "# What the data set must be. Review it, correct it, and keep it in git:",
        "# nothing is trained on rows that break it.",
        f"format: {schema.format}",
        f"task: {schema.task}  # {_NOTES['task']}",
    ]
    roles = {
        "target": schema.target,
        "positive": schema.positive,
        "key": list(schema.key) or None,
        "time": schema.time,
        "group": schema.group,
        "weight": schema.weight,
        "freshness": None if schema.freshness is None else format_duration(schema.freshness),
        "leastRows": schema.least_rows,
    }
    lines += [
        f"{name}: {_flow(value)}  # {_NOTES[name]}"
        for name, value in roles.items()
        if value is not None
    ]
    lines += [
        "# nullable and outside are the shares of rows that may be missing, or out of range or",
        "# category; request: false is what a request does not carry.",
        "columns:",
        *(f"- {_flow(_written(column))}" for column in schema.columns),
    ]
    return "\n".join(lines) + "\n"


def _written(column: Column) -> dict[str, Any]:
    return column.model_dump(mode="json", exclude_defaults=True)


def _flow(value: object) -> str:
    """Write a value in one line, as JSON, which YAML reads, too, with plain words unquoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    # YAML refuses what is not printable, or reads it as another character, unless it is escaped.
    written = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in written)


def _faults(details: Any) -> Iterator[Fault]:
    path = format_path(details["loc"]) if details["loc"] else ""
    error = details.get("ctx", {}).get("error")
    if isinstance(error, RuleBroken):
        for each in error.faults:
            where = f"{path}.{each.path}" if path else each.path
            yield Fault(where, each.problem, each.expected, each.example)
    elif details["type"] == "missing":
        yield Fault(path, "is missing", "a value")
    elif details["type"] == "extra_forbidden":
        yield Fault(path, "is no field of a data schema")
    elif isinstance(error, ValueError):
        problem, _, expected = str(error).partition("; expected ")
        yield Fault(path, problem, expected)
    else:
        found, message = details["input"], str(details["msg"])
        shown = f"a {type(found).__name__}" if isinstance(found, dict | list) else repr(found)
        yield Fault(path, f"is {shown[:80]}", message.removeprefix("Input should be "))


def _invalid(source: str, faults: list[Fault]) -> InvalidInput:
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return InvalidInput("\n  ".join([f"{source} is no data schema: {count}", *map(str, faults)]))
