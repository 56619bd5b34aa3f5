"""Two renderings of the same thing under two answers, as one with choices where they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headrace.render.helm.nodes import ABSENT, Choice, Condition, Node, assuming


def merged(condition: Condition, then: Node, otherwise: Node) -> Node:
    """Give what is `then` when the condition holds, and else `otherwise`.

    What both have alike is written once. So the result has no choice at all where the condition
    changes nothing.
    """
    if then == otherwise:
        return then
    if ABSENT in (then, otherwise):
        return Choice(condition, then, otherwise)
    if isinstance(then, dict) and isinstance(otherwise, dict):
        return {
            key: merged(condition, then.get(key, ABSENT), otherwise.get(key, ABSENT))
            for key in _union(list(then), list(otherwise), lambda one, other: bool(one == other))
        }
    if isinstance(then, list) and isinstance(otherwise, list):
        return _merged_lists(condition, then, otherwise)
    if assuming(then, condition.if_false) == assuming(otherwise, condition.if_false):
        return then
    if assuming(then, condition.if_true) == assuming(otherwise, condition.if_true):
        return otherwise
    if _same_question(then, otherwise):
        first = merged(condition, then.then, otherwise.then)
        second = merged(condition, then.otherwise, otherwise.otherwise)
        return Choice(then.condition, first, second)
    return Choice(condition, then, otherwise)


def _same_question(one: Node, other: Node) -> bool:
    choices = isinstance(one, Choice) and isinstance(other, Choice)
    return choices and bool(one.condition == other.condition)


def _merged_lists(condition: Condition, then: list[Node], otherwise: list[Node]) -> list[Node]:
    if len(then) == len(otherwise) and (_is_by_place(then) or _is_by_place(otherwise)):
        return [merged(condition, *pair) for pair in zip(then, otherwise, strict=True)]
    return [
        merged(condition, _found(each, then), _found(each, otherwise))
        for each in _union(then, otherwise, _alike)
    ]


def _is_by_place(entries: list[Node]) -> bool:
    """Say whether nothing but its place tells an entry from the others: no name, or one twice."""
    names = [_name(each) for each in entries]
    return not any(names) or any(names.count(name) > 1 for name in names if name)


def _found(wanted: Node, among: list[Node]) -> Node:
    return next((each for each in among if _alike(wanted, each)), ABSENT)


def _union(
    first: Sequence[Node], second: Sequence[Node], alike: Callable[[Node, Node], bool]
) -> list[Node]:
    """Give the entries of both, each once, in an order that fits both where there is one."""
    union = list(first)
    place = 0
    for entry in second:
        known = next((i for i, each in enumerate(union) if alike(each, entry)), None)
        if known is None:
            union.insert(place, entry)
        place = (place if known is None else known) + 1
    return union


def _alike(one: Node, other: Node) -> bool:
    """Say whether two entries of lists stand for the same thing."""
    name = _name(one)
    return name == _name(other) if name else bool(one == other)


def _name(entry: Node) -> tuple[Node, ...]:
    """Give what tells an entry apart from its neighbours; nothing where nothing does."""
    if isinstance(entry, Choice):
        return _name(entry.otherwise if entry.then == ABSENT else entry.then)
    if not isinstance(entry, dict):
        return ()
    if "metadata" in entry:
        return (entry["kind"], entry["metadata"]["name"])
    if "destination" in entry:
        return (entry["destination"]["host"],)
    return (entry["name"],) if "name" in entry else ()
