"""What a manifest becomes on its way into a template: values that are known, and values to come.

A node is a mapping or a list of nodes, a plain value, or one of the classes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Node: TypeAlias = Any
"""`dict[Text | Spread | str, Node]`, `list[Node]`, a plain value, or a class of this module."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What Helm computes.

    Attributes:
        code: Without braces, such as `.Values.replicas`.
    """

    code: str

    @property
    def argument(self) -> str:
        """The code as an argument of a function."""
        return f"({self.code})" if " " in self.code else self.code


@dataclass(frozen=True, slots=True)
class Text:
    """A text with expressions in it.

    Attributes:
        parts: Literal texts and expressions, at least one of these.
    """

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A number that Helm computes."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Whole:
    """A mapping or list that is taken from the values as it is; nothing is written when empty."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Spread:
    """In the place of a key: the entries of a mapping from the values, among a manifest's own."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Absent:
    """No entry at all."""


ABSENT = Absent()

Facts: TypeAlias = Mapping[Expression, int]
"""What some expressions are known to give."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A question that values answer.

    Attributes:
        code: As `if` takes it, such as `.Values.hpa.enabled`.
        if_true: What is known when it holds.
        if_false: What is known when it does not.
    """

    code: str
    if_true: Facts = field(default_factory=dict, compare=False)
    if_false: Facts = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of two nodes, either of which may be absent."""

    condition: Condition
    then: Node
    otherwise: Node


def assuming(node: Node, facts: Facts) -> Node:
    """Put what is known in the place of expressions."""
    if isinstance(node, dict):
        return {assuming(key, facts): assuming(value, facts) for key, value in node.items()}
    if isinstance(node, list):
        return [assuming(each, facts) for each in node]
    if isinstance(node, Number):
        return facts.get(node.expression, node)
    if isinstance(node, Text):
        return text([_known(part, facts) for part in node.parts])
    if isinstance(node, Choice):
        then, otherwise = assuming(node.then, facts), assuming(node.otherwise, facts)
        return Choice(node.condition, then, otherwise)
    return node


def _known(part: str | Expression, facts: Facts) -> str | Expression:
    return str(facts[part]) if isinstance(part, Expression) and part in facts else part


def text(parts: list[str | Expression]) -> Text | str:
    """Join neighbouring literals; a text without expressions is a plain one."""
    joined: list[str | Expression] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    if any(isinstance(part, Expression) for part in joined):
        return Text(tuple(joined))
    return str(joined[0]) if joined else ""
