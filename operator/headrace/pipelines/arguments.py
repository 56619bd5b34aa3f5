"""The parameters of a compiled pipeline, from a file and the `name=text` that a person types."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from headrace.errors import InvalidInput

_KINDS = {
    "STRING": "a text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list in JSON",
    "STRUCT": "an object in JSON",
}

_TYPES = {"NUMBER_DOUBLE": float, "BOOLEAN": bool, "LIST": list, "STRUCT": dict}


def read_arguments(
    pipeline: Path, given: Iterable[str], file: Path | None = None
) -> dict[str, Any]:
    """Turn `name=text` into what the pipeline's parameters are.

    Args:
        pipeline: The compiled YAML.
        given: Each `name=text`, or `name=@file` for the text of a file; a name without a value, or
            twice, is a mistake.
        file: YAML with values by name, which those of `given` replace.

    Raises:
        InvalidInput: The file is no compiled pipeline, or arguments are unknown, missing or of
            another type; the text has all of them.
    """
    parameters = parameters_of(pipeline)
    arguments: dict[str, Any] = {}
    faults: list[str] = []
    kept = _of_file(file, parameters, faults) if file is not None else {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            faults.append(f"{pair!r} is no argument; expected name=value")
        elif name not in parameters:
            faults.append(f"{name} is no parameter; expected one of {', '.join(parameters)}")
        elif name in arguments:
            faults.append(f"{name} is given twice")
        else:
            kind = parameters[name]["parameterType"]
            try:
                arguments[name] = _value(_text(text), kind)
            except OSError as error:
                faults.append(f"{name} is to be read from {text[1:]}: {error.strerror}")
            except (ValueError, RecursionError):
                faults.append(f"{name} is {text!r}; expected {_KINDS.get(kind, kind)}")
    arguments = {**kept, **arguments}
    named = {pair.partition("=")[0] for pair in given}
    faults += [
        f"{name} is missing: {parameter.get('description', 'it has no default')}"
        for name, parameter in parameters.items()
        if name not in named and name not in kept and not _has_default(parameter)
    ]
    if faults:
        raise InvalidInput("\n  ".join([f"{pipeline} cannot be run so:", *faults]))
    return arguments


def parameters_of(pipeline: Path) -> Mapping[str, Mapping[str, Any]]:
    """Give a compiled pipeline's parameters by name: `parameterType`, `description` and so on.

    Raises:
        InvalidInput: The file is no compiled pipeline.
    """
    try:
        document = next(yaml.safe_load_all(pipeline.read_text(encoding="utf-8")), None)
        found = document["root"].get("inputDefinitions", {})  # type: ignore[index]
        parameters: Mapping[str, Mapping[str, Any]] = found.get("parameters", {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise _no_pipeline(pipeline, f"cannot be read as YAML: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_pipeline(pipeline, "has no root with its inputs") from error
    return parameters


def _no_pipeline(file: Path, problem: str) -> InvalidInput:
    return InvalidInput(
        f"{file} is no compiled pipeline, as it {problem}. `headrace pipeline compile` makes one."
    )


def _of_file(
    file: Path, parameters: Mapping[str, Mapping[str, Any]], faults: list[str]
) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        faults.append(f"{file} cannot be read as YAML: {error}")
        return {}
    if not isinstance(document, dict):
        faults.append(f"{file} has no parameters; expected YAML such as `model_name: churn`")
        return {}
    kept = {}
    for name, value in document.items():
        if name not in parameters:
            faults.append(f"{name} in {file} is no parameter; one of {', '.join(parameters)}")
        elif not _is_kind(value, kind := parameters[name]["parameterType"]):
            faults.append(f"{name} in {file} is {value!r}; expected {_KINDS.get(kind, kind)}")
        else:
            kept[name] = float(value) if kind == "NUMBER_DOUBLE" else value
    return kept


def _is_kind(value: object, kind: str) -> bool:
    if kind in ("NUMBER_INTEGER", "NUMBER_DOUBLE"):
        wanted = int if kind == "NUMBER_INTEGER" else (int, float)
        return isinstance(value, wanted) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, str if kind == "STRING" else _TYPES[kind])


def _text(given: str) -> str:
    return Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given


def _has_default(parameter: Mapping[str, Any]) -> bool:
    return bool(parameter.get("isOptional")) or "defaultValue" in parameter


def _value(text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    if kind == "NUMBER_INTEGER":
        return int(text)
    # The rest is JSON: `true`, `[1, 2]`, `{"a": 1}`, and numbers, which know no infinity there.
    value = float(text) if kind == "NUMBER_DOUBLE" else json.loads(text)
    if not isinstance(value, _TYPES[kind]):
        raise ValueError(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value
