"""What a template may have in it, asked of its parsed tree before any of it is compiled.

A sandbox keeps a template from the interpreter, but not from `'a' * 10**9` or from three loops in
each other. So only what is listed here is let through: names with their known attributes,
conditions, a few filters, and loops over what is written out. No template can run longer than its
own text allows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import nodes

from headrace.api.unreadable import UnreadableText

Names = Mapping[str, tuple[str, ...]]
"""The things that a template knows, each with its attributes."""

FILTERS = frozenset({"int", "lower", "replace", "trim", "upper"})
TESTS = frozenset({"odd", "even", "eq", "ne", "equalto", "in"})
DEEPEST = 20
_MOST_WORK = 50_000
"""Nodes of the tree, those in loops as often as these go around."""

_EXPRESSIONS = (
    *(nodes.Name, nodes.Const, nodes.TemplateData, nodes.List, nodes.Tuple, nodes.Getattr),
    *(nodes.Filter, nodes.Test, nodes.CondExpr, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Concat),
)
_STATEMENTS = (nodes.If, nodes.For)
_LOOP = ("index", "index0", "first", "last", "length")
_FORBIDDEN: Mapping[type[nodes.Node], str] = {
    nodes.Assign: "`{% set %}`",
    nodes.AssignBlock: "`{% set %}`",
    nodes.Block: "`{% block %}`",
    nodes.Call: "a call",
    nodes.CallBlock: "`{% call %}`",
    nodes.Dict: "a mapping",
    nodes.Extends: "`{% extends %}`",
    nodes.FilterBlock: "`{% filter %}`",
    nodes.For: "a loop",
    nodes.FromImport: "`{% from %}`",
    nodes.Getitem: "an index",
    nodes.If: "a condition",
    nodes.Import: "`{% import %}`",
    nodes.Include: "`{% include %}`",
    nodes.Macro: "`{% macro %}`",
    nodes.With: "`{% with %}`",
}


class NotTemplate(UnreadableText):
    """A text that is no template, or says what is not known."""


def check_tree(tree: nodes.Template, text: str, names: Names, *, statements: bool) -> None:
    """Refuse what is not listed, where it stands.

    Args:
        tree: As Jinja2 parses the text.
        text: What was written.
        names: What it may say.
        statements: Whether it may have `{% if %}` and `{% for %}`.

    Raises:
        NotTemplate: With line and column.
    """
    _Reader(text, names, statements).check(tree)


def tag_column(text: str, line: int) -> int:
    """Give where the first tag of a line begins, from 1; 1 if there is none."""
    lines = text.splitlines()
    found = re.search(r"\{[{%#]", lines[line - 1] if 0 < line <= len(lines) else "")
    return found.start() + 1 if found else 1


@dataclass(frozen=True, slots=True)
class _Place:
    """A node of the tree, and what holds there."""

    node: nodes.Node
    scope: Names
    depth: int
    times: int


class _Reader:
    """Walks through a tree without calling itself, as trees are as deep as texts are long."""

    def __init__(self, text: str, names: Names, statements: bool) -> None:
        self._text = text
        self._names = names
        self._statements = statements

    def check(self, tree: nodes.Template) -> None:
        """Refuse what is not listed.

        Raises:
            NotTemplate: With the place.
        """
        todo = [_Place(node, self._names, 1, 1) for node in reversed(tree.body)]
        work = 0
        while todo:
            place = todo.pop()
            work += place.times
            if place.depth > DEEPEST:
                raise self._refused(place.node, "is nested too deeply", f"{DEEPEST} levels")
            if work > _MOST_WORK:
                expected = f"loops with at most {_MOST_WORK:,} parts in all"
                raise self._refused(place.node, "does too much", expected)
            todo += reversed(list(self._inside(place)))

    def _inside(self, place: _Place) -> Iterator[_Place]:
        node = place.node
        if isinstance(node, nodes.For):
            yield from self._loop(node, place)
            return
        self._check_kind(node)
        if isinstance(node, nodes.Name):
            self._check_name(node, place.scope)
            return
        if isinstance(node, nodes.Getattr):
            self._check_attribute(node, place.scope)
            return
        for child in node.iter_child_nodes():
            yield _Place(child, place.scope, place.depth + 1, place.times)

    def _loop(self, node: nodes.For, place: _Place) -> Iterator[_Place]:
        self._check_kind(node)
        if node.recursive or not isinstance(node.target, nodes.Name):
            raise self._refused(node, "has a loop of another kind", "`{% for x in [1, 2] %}`")
        around = _length(node.iter)
        if around is None:
            expected = "a list that is written out, or `range(3)`"
            raise self._refused(node, "has a loop over something else", expected)
        outside = place.scope
        inside = {**outside, node.target.name: (), "loop": _LOOP}
        times = place.times * around
        items = node.iter.items if isinstance(node.iter, nodes.List | nodes.Tuple) else []
        for item in items:
            yield _Place(item, outside, place.depth + 1, place.times)
        for child in (*node.body, *([node.test] if node.test else [])):
            yield _Place(child, inside, place.depth + 1, times)
        for child in node.else_:
            yield _Place(child, outside, place.depth + 1, place.times)

    def _check_kind(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Stmt) and not isinstance(node, nodes.Output):
            if self._statements and isinstance(node, _STATEMENTS):
                return
            what = _FORBIDDEN.get(type(node), "a statement")
            allowed = "names, `{% if %}` and `{% for %}` only" if self._statements else "names only"
            expected = f"{allowed}, as `{{{{ {self._example()} }}}}`"
            raise self._refused(node, f"has {what}", expected)
        if isinstance(node, nodes.Filter):
            self._check_call(node, "filter", FILTERS)
        elif isinstance(node, nodes.Test):
            self._check_call(node, "test", TESTS)
        elif not isinstance(node, (nodes.Output, *_EXPRESSIONS)):
            what = _FORBIDDEN.get(type(node), "arithmetic")
            raise self._refused(node, f"has {what}", f"names, as `{{{{ {self._example()} }}}}`")

    def _check_call(
        self, node: nodes.Filter | nodes.Test, what: str, known: Collection[str]
    ) -> None:
        if node.name not in known:
            expected = f"one of {', '.join(sorted(known))}"
            raise self._refused(node, f"has a {what} `{node.name}`", expected, node.name)
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise self._refused(node, f"gives `{node.name}` more than plain values", "", node.name)

    def _check_name(self, node: nodes.Name, scope: Names) -> None:
        attributes = scope.get(node.name)
        if attributes is None:
            problem = f"says `{node.name}`, which is not known"
            raise self._refused(node, problem, _known(scope), node.name)
        if attributes:
            problem = f"says `{node.name}` alone"
            raise self._refused(node, problem, _known({node.name: attributes}), node.name)

    def _check_attribute(self, node: nodes.Getattr, scope: Names) -> None:
        thing = node.node
        if isinstance(thing, nodes.Name) and thing.name not in scope:
            self._check_name(thing, scope)
        if isinstance(thing, nodes.Name) and node.attr in scope[thing.name]:
            return
        said = f"{thing.name}.{node.attr}" if isinstance(thing, nodes.Name) else f".{node.attr}"
        known = {thing.name: scope[thing.name]} if isinstance(thing, nodes.Name) else scope
        raise self._refused(node, f"says `{said}`, which is not known", _known(known), node.attr)

    def _refused(
        self, node: nodes.Node, problem: str, expected: str, word: str = ""
    ) -> NotTemplate:
        column = (
            _column(self._text, node.lineno, word) if word else tag_column(self._text, node.lineno)
        )
        return NotTemplate(problem, node.lineno, column, expected)

    def _example(self) -> str:
        thing, attributes = next(iter(self._names.items()))
        return f"{thing}.{attributes[0]}"


def _length(iterated: nodes.Node) -> int | None:
    """Give how often a loop goes around; None if that is not written there."""
    if isinstance(iterated, nodes.List | nodes.Tuple):
        return len(iterated.items)
    if not isinstance(iterated, nodes.Call) or not isinstance(iterated.node, nodes.Name):
        return None
    bounds = [arg.value for arg in iterated.args if isinstance(arg, nodes.Const)]
    plain = not (iterated.kwargs or iterated.dyn_args or iterated.dyn_kwargs)
    whole = all(isinstance(bound, int) and abs(bound) <= _MOST_WORK for bound in bounds)
    fits = len(bounds) == len(iterated.args) and 1 <= len(bounds) <= 2
    if iterated.node.name != "range" or not (plain and whole and fits):
        return None
    return len(range(*bounds))


def _known(names: Names) -> str:
    given = [f"{thing}.{name}" for thing, known in names.items() for name in known]
    loops = [thing for thing, known in names.items() if not known]
    return "names of " + ", ".join([*given, *loops])


def _column(text: str, line: int, word: str) -> int:
    """Give where a word is said in a line, within a tag if it is in one there; 1 at the worst."""
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    found = [match.start() for match in re.finditer(rf"(?<!for )\b{re.escape(word)}\b", written)]
    tag = written.find("{")
    return next((at for at in found if at > tag), found[0] if found else 0) + 1
