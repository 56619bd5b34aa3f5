"""YAML text as values that know where they were written, in bounded time and memory.

Aliases are allowed, bombs are not: what a document would be when written out is counted before
anything is made of it. A key that is written twice is a fault, as YAML would keep the last one
without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from headrace.api.unreadable import UnreadableText
from headrace.errors import Fault

LARGEST = 2_000_000
"""Bytes of a file. etcd takes objects of up to 1.5 MB."""
DEEPEST = 50
_MOST_NODES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(UnreadableText):
    """A text that is not YAML, or too much of it."""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document of a text.

    Attributes:
        data: Mappings, lists and scalars.
        faults: Keys that are written twice.
        node: What it was made of, with its marks.
        text: The whole text that it is in.
    """

    data: object
    faults: tuple[Fault, ...]
    node: yaml.Node = field(repr=False)
    text: str = field(repr=False)

    def position(self, path: str) -> tuple[int, int]:
        """Give line and column, from 1, of a path such as `spec.analysis.checks[0].above`.

        What is not there is where the nearest thing around it begins. A path may end in a place
        within a text of several lines, as `spec.serving.template.jinja:3:12`.
        """
        path, line, column = _split_place(path)
        node, mark = self.node, self.node.start_mark
        for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path):
            if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
                node = node.value[int(index)]
                mark = node.start_mark
            elif key and isinstance(node, yaml.MappingNode):
                found = [(k, v) for k, v in node.value if k.value == key]
                if not found:
                    break
                mark, node = found[-1][0].start_mark, found[-1][1]
            else:
                break
        if line and isinstance(node, yaml.ScalarNode) and node.style == "|":
            return self._within(node, line, column)
        return mark.line + 1, mark.column + 1

    def _within(self, block: yaml.ScalarNode, line: int, column: int) -> tuple[int, int]:
        first = block.start_mark.line + 1  # the line after the bar
        lines = self.text.splitlines()[first : block.end_mark.line + 1]
        written = next((each for each in lines if each.strip()), "")
        return first + line, len(written) - len(written.lstrip(" ")) + column


def read_documents(text: str) -> list[YamlDocument]:
    """Read every document of a text that is not empty.

    Raises:
        NotYaml: With the place, where there is one.
    """
    if len(text) > LARGEST:
        raise NotYaml(f"has {len(text):,} characters", expected=f"at most {LARGEST:,}")
    try:
        _bound_events(text)
        return list(_documents(text))
    except yaml.MarkedYAMLError as error:
        raise _marked(error, text) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, NotYaml):
            raise
        if "int_max_str_digits" in str(error):
            raise NotYaml("has a number with too many digits") from error
        raise NotYaml(f"not YAML: {str(error).splitlines()[0]}") from error


def _split_place(path: str) -> tuple[str, int, int]:
    found = re.fullmatch(r"(.*?):(\d+):(\d+)", path)
    return (found[1], int(found[2]), int(found[3])) if found else (path, 0, 0)


def _documents(text: str) -> Iterator[YamlDocument]:
    loader = _LOADER(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _bound_nodes(node)
            faults = tuple(_twice(node, ""))
            data = loader.construct_document(node)
            if data is not None:
                yield YamlDocument(data, faults, node, text)
    finally:
        loader.dispose()


def _bound_events(text: str) -> None:
    """Refuse what is too deep or too much for a parser that calls itself."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST or count > _MOST_NODES:
            mark: Any = event.start_mark
            problem = "is nested too deeply" if depth > DEEPEST else "has too many values"
            expected = f"at most {DEEPEST} levels and {_MOST_NODES:,} values"
            raise NotYaml(problem, mark.line + 1, mark.column + 1, expected)


def _bound_nodes(root: yaml.Node) -> None:
    """Refuse aliases that would make a small text large, or endless."""
    sizes: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        known = sizes.get(id(node))
        if known is not None:
            return known
        mark = node.start_mark
        if id(node) in open_nodes:
            raise NotYaml("has an alias of itself", mark.line + 1, mark.column + 1)
        open_nodes.add(id(node))
        size, depth = 1, 0
        for child in _children(node):
            inner, below = measure(child)
            size, depth = size + inner, max(depth, below)
        open_nodes.discard(id(node))
        if size > _MOST_NODES or depth > DEEPEST:
            expected = f"at most {_MOST_NODES:,} values when aliases are written out"
            problem = "has aliases of aliases"
            raise NotYaml(problem, mark.line + 1, mark.column + 1, expected)
        sizes[id(node)] = size, depth + 1
        return sizes[id(node)]

    measure(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _twice(node: yaml.Node, path: str) -> Iterator[Fault]:
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _twice(child, f"{path}[{index}]")
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            here = f"{path}.{key.value}" if path else str(key.value)
            if isinstance(key, yaml.ScalarNode):
                if key.value in lines:
                    problem = f"is written twice, first in line {lines[key.value]}"
                    yield Fault(here, problem, "each field once")
                lines.setdefault(key.value, key.start_mark.line + 1)
            yield from _twice(value, here)


def _marked(error: yaml.MarkedYAMLError, text: str) -> NotYaml:
    problem = f"not YAML: {error.problem or error.context}"
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return NotYaml(problem)
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    tab = line[mark.column : mark.column + 1] == "\t"
    expected = "spaces, as YAML takes no tabs there" if tab else ""
    return NotYaml(problem, mark.line + 1, mark.column + 1, expected)
