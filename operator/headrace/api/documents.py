"""From YAML text to a ModelRollout, with every fault named at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from headrace.api.fields import RuleBroken
from headrace.api.rollout import ModelRollout
from headrace.api.yaml_text import DEEPEST, LARGEST, NotYaml, YamlDocument, read_documents
from headrace.errors import Fault, InvalidRollout, NotFound

_MOST_FAULTS = 100
"""Nobody reads more at once, and to say where each stands takes its time."""


def load_rollout(path: Path) -> ModelRollout:
    """Read one ModelRollout from a file.

    Raises:
        NotFound: There is no such file.
        InvalidRollout: It is not a valid ModelRollout.
    """
    try:
        return parse_rollout(read_text(path), str(path))
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRollout(str(path), [Fault("(file)", str(error), "a readable text")]) from error


def read_text(path: Path) -> str:
    """Read a file as UTF-8, as far as `read_documents` will take it.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    # A character may be cut in two at the end of what is refused anyway.
    return raw.decode("utf-8", errors="strict" if len(raw) <= LARGEST else "replace")


def parse_rollout(text: str, source: str = "(text)") -> ModelRollout:
    """Read one ModelRollout from YAML text.

    Args:
        text: One YAML document.
        source: Its name in messages.

    Raises:
        InvalidRollout: With every fault that could be found.
    """
    try:
        documents = read_documents(text)
    except NotYaml as error:
        where = f"line {error.line}, column {error.column}" if error.line else "(document)"
        raise InvalidRollout(source, [Fault(where, str(error), error.expected)]) from error
    if len(documents) != 1:
        problem = f"has {len(documents)} documents"
        raise InvalidRollout(source, [Fault("(document)", problem, "exactly one")])
    return rollout_of(documents[0], source)


def rollout_of(document: YamlDocument, source: str) -> ModelRollout:
    """Make the ModelRollout of a document.

    Raises:
        InvalidRollout: With every fault that could be found.
    """
    faults = list(document.faults)
    try:
        rollout = rollout_from(document.data, source)
    except InvalidRollout as error:
        faults += error.faults
        raise _invalid(source, document, faults) from error
    if faults:
        raise _invalid(source, document, faults)
    return rollout


def rollout_from(data: object, source: str) -> ModelRollout:
    """Make the ModelRollout of plain data, as YAML or JSON gives it.

    Args:
        data: Mappings, lists and scalars.
        source: Its name in messages.

    Raises:
        InvalidRollout: With every fault that could be found.
    """
    if not isinstance(data, Mapping):
        problem = f"is a {type(data).__name__}"
        raise InvalidRollout(source, [Fault("(document)", problem, "a mapping with kind: ...")])
    if _is_deeper(data, DEEPEST):
        expected = f"at most {DEEPEST} levels"
        raise InvalidRollout(source, [Fault("(document)", "is nested too deeply", expected)])
    try:
        return ModelRollout.model_validate(data)
    except ValidationError as error:
        faults: list[Fault] = []
        told = (each for each in error.errors() if not _is_other_union_member(each))
        for details in islice(told, _MOST_FAULTS + 1):
            faults += _faults(details, data)
        raise InvalidRollout(source, list(dict.fromkeys(faults))) from error


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, Mapping | list):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return not levels or any(_is_deeper(each, levels - 1) for each in inner)


def _invalid(source: str, document: YamlDocument, faults: Sequence[Fault]) -> InvalidRollout:
    each = list(dict.fromkeys(faults))
    if len(each) > _MOST_FAULTS:
        more = Fault("(document)", f"has further faults, beside the {_MOST_FAULTS} that are named")
        each = [*each[:_MOST_FAULTS], more]
    return InvalidRollout(source, each, [document.position(fault.path)[0] for fault in each])


def _faults(details: ErrorDetails, document: Mapping[str, Any]) -> list[Fault]:
    location = _real_location(details["loc"], document)
    path = format_path(location)
    error = details.get("ctx", {}).get("error")
    if isinstance(error, RuleBroken):
        return [
            Fault(_join(path, fault.path), fault.problem, fault.expected, fault.example)
            for fault in error.faults
        ]
    kind, found = details["type"], details["input"]
    context = details.get("ctx", {})
    if kind == "missing":
        return [Fault(path, "is missing", "a value")]
    if kind == "extra_forbidden":
        return [_unknown_field(location, path)]
    if kind == "string_pattern_mismatch":
        return [Fault(path, f"is {found!r}", f"text like {context['pattern']}", _example(location))]
    if kind in ("literal_error", "enum"):
        return [Fault(path, f"is {found!r}", f"one of {context['expected']}")]
    if isinstance(error, ValueError):
        problem, _, expected = str(error).partition("; expected ")
        return [Fault(path, problem, expected)]
    message = details["msg"]
    expected = message.removeprefix("Input should be ").removeprefix("a valid ")
    shown = repr(found) if not isinstance(found, Mapping | list) else f"a {type(found).__name__}"
    return [Fault(path, f"is {shown[:80]}", expected)]


def _is_other_union_member(details: ErrorDetails) -> bool:
    """Tell whether the value is a mapping that was also tried as a number, which says nothing."""
    scalar = details["type"] in ("float_type", "string_type", "int_type")
    in_union = len(details["loc"]) > 1 and str(details["loc"][-1]).startswith("constrained-")
    return scalar and in_union and isinstance(details["input"], Mapping)


def _real_location(location: tuple[int | str, ...], document: object) -> tuple[int | str, ...]:
    """Keep what is in the document: pydantic adds the names of union members to its locations."""
    real: list[int | str] = []
    here: object = document
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(here, Mapping) and (part in here or last):
            real.append(part)
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            real.append(part)
            here = here[part]
    return tuple(real)


def format_path(location: tuple[int | str, ...]) -> str:
    """Write a location as `spec.strategy.canary.steps[1].weight`."""
    text = ""
    for part in location:
        # A key may have characters that would move a terminal's cursor.
        name = str(part) if str(part).isprintable() else ascii(part)
        text += f"[{name}]" if isinstance(part, int) else f".{name}" if text else name
    return text or "(document)"


def _join(path: str, relative: str) -> str:
    return f"{path}.{relative}" if relative else path


def _unknown_field(location: tuple[int | str, ...], path: str) -> Fault:
    known = _fields_at(location[:-1])
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    expected = (
        f"`{near[0]}`" if near else f"one of {', '.join(known)}" if known else "no such field"
    )
    return Fault(path, "is no field of a ModelRollout", expected)


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = ModelRollout
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        model = _model_in(field.annotation) if field else None
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _model_in(argument)) is not None:
            return found
    return None


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    model = _model_at(location)
    return [f.alias or n for n, f in model.model_fields.items()] if model else []


def _example(location: tuple[int | str, ...]) -> str:
    model = _model_at(location[:-1])
    if model is None:
        return ""
    for name, field in model.model_fields.items():
        if location[-1] in (name, field.alias):
            extra = field.json_schema_extra
            examples = extra.get("examples") if isinstance(extra, dict) else None
            if isinstance(examples, list):
                return f"{location[-1]}: {examples[0]}"
    return ""
