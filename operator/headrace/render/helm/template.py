"""Nodes as the text of a Helm template.

Every value that Helm computes is quoted by Helm, so that a version `7` stays a text. Braces that a
manifest has itself, as dashboards and alerts do, are kept from being read as expressions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from headrace.render.helm.nodes import (
    ABSENT,
    Choice,
    Expression,
    Node,
    Number,
    Spread,
    Text,
    Whole,
)
from headrace.render.yaml_text import to_yaml

_Key: TypeAlias = Text | Spread | str

_Write: TypeAlias = Callable[[Node], list[str]]
"""Writes the lines of a node that is no choice."""


def template_of(documents: Iterable[Node]) -> str:
    """Write manifests, each a mapping or a choice of whether there is one."""
    lines = []
    for document in documents:
        lines += _either(document, _document, "")
    return "\n".join(lines) + "\n"


def _document(manifest: Node) -> list[str]:
    return ["---", *_mapping(manifest, 0)]


def _either(node: Node, written: _Write, pad: str) -> list[str]:
    """Write a node, under `if` and `else` where it is a choice."""
    if not isinstance(node, Choice):
        return written(node)
    lines, keyword = [], "if"
    while isinstance(node, Choice):
        question, then, node = _asked(node)
        lines += [f"{pad}{{{{- {keyword} {question} }}}}", *_either(then, written, pad)]
        keyword = "else if"
    if node is not ABSENT:
        lines += [f"{pad}{{{{- else }}}}", *written(node)]
    return [*lines, f"{pad}{{{{- end }}}}"]


def _asked(choice: Choice) -> tuple[str, Node, Node]:
    """Give a question, what there is if it holds, and what else; guards in guards are joined."""
    questions, then, otherwise = [_question(choice)], choice.then, choice.otherwise
    if then is ABSENT:
        then, otherwise = otherwise, ABSENT
    while otherwise is ABSENT and isinstance(then, Choice) and _is_guard(then):
        questions.append(_question(then))
        then = then.otherwise if then.then is ABSENT else then.then
    joined = " ".join(["and", *map(_argument, questions)]) if questions[1:] else questions[0]
    return joined, then, otherwise


def _is_guard(choice: Choice) -> bool:
    return choice.then is ABSENT or choice.otherwise is ABSENT


def _question(choice: Choice) -> str:
    code = choice.condition.code
    return f"not {_argument(code)}" if choice.then is ABSENT else code


def _argument(code: str) -> str:
    return Expression(code).argument


def _mapping(entries: dict[_Key, Node], indent: int) -> list[str]:
    pad = " " * indent
    lines = []
    for key, value in entries.items():
        if isinstance(key, Spread):
            lines += _whole(key.expression, indent)
            continue
        lines += _either(value, partial(_entry, indent, key), pad)
    return lines


def _whole(expression: Expression, indent: int, key: str = "") -> list[str]:
    """Write a mapping or list of the values, below a key if there is one; nothing when empty."""
    pad = " " * indent
    inner = indent + 2 if key else indent
    return [
        f"{pad}{{{{- with {expression.code} }}}}",
        *([f"{pad}{key}:"] if key else []),
        f"{' ' * inner}{{{{- toYaml . | nindent {inner} }}}}",
        f"{pad}{{{{- end }}}}",
    ]


def _entry(indent: int, key: Text | str, value: Node) -> list[str]:
    pad = " " * indent
    if isinstance(value, Whole):
        return _whole(value.expression, indent, _scalar(key))
    if isinstance(value, dict) and value:
        return [f"{pad}{_scalar(key)}:", *_mapping(value, indent + 2)]
    if isinstance(value, list) and value:
        return [f"{pad}{_scalar(key)}:", *_items(value, indent)]
    if isinstance(value, Text) and any("\n" in part for part in _literals(value)):
        return [f"{pad}{_scalar(key)}: |", *_block(value, indent + 2)]
    if isinstance(value, Text | Number):
        return [f"{pad}{_scalar(key)}: {_scalar(value)}"]
    written = to_yaml([{"key": value}]).removeprefix("key")
    first, *rest = _escaped(written).splitlines()
    return [f"{pad}{_scalar(key)}{first}", *(f"{pad}{line}" if line else "" for line in rest)]


def _items(items: list[Node], indent: int) -> list[str]:
    pad = " " * indent
    lines = []
    for item in items:
        lines += _either(item, partial(_item, indent), pad)
    return lines


def _item(indent: int, item: Node) -> list[str]:
    pad = " " * indent
    if isinstance(item, dict) and item:
        lines = _mapping(item, indent + 2)
        if lines[0].lstrip().startswith("{{-"):
            return [f"{pad}-", *lines]
        return [f"{pad}- {lines[0].lstrip()}", *lines[1:]]
    return [f"{pad}- {_scalar(item)}"]


def _scalar(value: Node) -> str:
    """Write a value on one line."""
    if isinstance(value, Number):
        return _in_braces(value.expression.code)
    if isinstance(value, Text):
        return _in_braces(f"{_code(value)} | quote")
    return _escaped(to_yaml([{"key": value}]).removeprefix("key:").strip())


def _code(text: Text) -> str:
    """Give the pipeline that makes a text."""
    if len(text.parts) == 1:
        (only,) = text.parts
        return only.code if isinstance(only, Expression) else json.dumps(only)
    form = "".join("%v" if isinstance(p, Expression) else p.replace("%", "%%") for p in text.parts)
    arguments = [part.argument for part in text.parts if isinstance(part, Expression)]
    return " ".join(["printf", json.dumps(form), *arguments])


def _block(text: Text, indent: int) -> list[str]:
    """Write a text of several lines, which ends in a line break."""
    whole = "".join(
        _in_braces(part.code) if isinstance(part, Expression) else _escaped(part)
        for part in text.parts
    )
    return [f"{' ' * indent}{line}" if line else "" for line in whole.splitlines()]


def _literals(text: Text) -> list[str]:
    return [part for part in text.parts if isinstance(part, str)]


def _in_braces(code: str) -> str:
    return f"{{{{ {code} }}}}"


def _escaped(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')
