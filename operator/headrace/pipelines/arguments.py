"""The parameters of a compiled pipeline, from the `name=text` that a person types."""

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


def read_arguments(pipeline: Path, given: Iterable[str]) -> dict[str, Any]:
    """Turn `name=text` into what the pipeline's parameters are.

    Args:
        pipeline: The compiled YAML.
        given: Each `name=text`; a name without a value, or twice, is a mistake.

    Raises:
        InvalidInput: The file is no compiled pipeline, or arguments are unknown, missing or of
            another type; the text has all of them.
    """
    parameters = parameters_of(pipeline)
    arguments: dict[str, Any] = {}
    faults = []
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
                arguments[name] = _value(text, kind)
            except (ValueError, RecursionError):
                faults.append(f"{name} is {text!r}; expected {_KINDS.get(kind, kind)}")
    named = {pair.partition("=")[0] for pair in given}
    faults += [
        f"{name} is missing: {parameter.get('description', 'it has no default')}"
        for name, parameter in parameters.items()
        if name not in named and not _has_default(parameter)
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
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise InvalidInput(
            f"{pipeline} is no compiled pipeline ({type(error).__name__}): "
            "headrace pipeline compile makes one."
        ) from error
    return parameters


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
