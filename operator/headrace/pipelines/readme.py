"""The table of inputs and outputs in a component's README, made from the component itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import docstring_parser
import yaml

from headrace.errors import InvalidInput

BEGIN, END = "<!-- interface: made by headrace.pipelines.compile -->", "<!-- end of interface -->"

_TYPES = {
    "STRING": "str",
    "NUMBER_INTEGER": "int",
    "NUMBER_DOUBLE": "float",
    "BOOLEAN": "bool",
    "LIST": "list",
    "STRUCT": "dict",
}


def with_interface(readme: str, compiled: str, docstring: str) -> str:
    """Replace the part between the two markers.

    Args:
        readme: The README.
        compiled: The component's compiled YAML.
        docstring: Of the component's function, in Google style.

    Raises:
        InvalidInput: The README lacks the markers.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not pattern.search(readme):
        raise InvalidInput(f"A README lacks the line {BEGIN} or the line {END} after it.")
    part = f"{BEGIN}\n{interface(compiled, docstring)}\n{END}"
    return pattern.sub(lambda _: part, readme, count=1)


def interface(compiled: str, docstring: str) -> str:
    """Give the table of inputs and the table of outputs in Markdown."""
    document = next(yaml.safe_load_all(compiled))
    (component,) = document["components"].values()
    parsed = docstring_parser.parse(docstring)
    texts = {each.arg_name: _one_line(each.description) for each in parsed.params}
    if parsed.returns is not None:
        texts["Output"] = _one_line(parsed.returns.description)
    inputs = [
        f"| `{name}` | {kind} | {default} | {texts.get(name, '')} |"
        for name, kind, default in _definitions(component.get("inputDefinitions", {}))
    ]
    outputs = [
        f"| `{name}` | {kind} | {texts.get(name, '')} |"
        for name, kind, _ in _definitions(component.get("outputDefinitions", {}))
    ]
    return "\n".join(
        [
            "| input | type | default | meaning |",
            "| --- | --- | --- | --- |",
            *inputs,
            "",
            "| output | type | meaning |",
            "| --- | --- | --- |",
            *outputs,
        ]
    )


def _definitions(part: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """List name, type and default, artifacts first, as the pipeline's author meets them."""
    artifacts = [
        (name, each["artifactType"]["schemaTitle"].removeprefix("system."), "required")
        for name, each in part.get("artifacts", {}).items()
    ]
    parameters = [
        (
            name,
            _TYPES[each["parameterType"]],
            f"`{_default(each)!r}`" if "defaultValue" in each else "required",
        )
        for name, each in part.get("parameters", {}).items()
    ]
    return artifacts + parameters


def _default(parameter: Mapping[str, Any]) -> object:
    value = parameter["defaultValue"]
    # The specification holds every number as a fraction.
    return int(value) if parameter["parameterType"] == "NUMBER_INTEGER" else value


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
