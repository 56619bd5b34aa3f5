"""Whether a model is good enough: one expression over its scores, such as
`auc >= 0.7 and brier <= champion.brier + 0.002 and worst.log_loss < 0.6`.

Numbers, names, `and`, `or`, `not`, comparisons, arithmetic, `abs`, `min` and `max`: nothing else
is understood, and nothing is ever run as code.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.errors import InvalidInput

LONGEST = 2000

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {"abs": abs, "min": min, "max": max}

CHAMPION = "champion"


@dataclass(frozen=True)
class Gate:
    """One condition that must hold.

    Attributes:
        expression: As it was written.
        value: The number on the left of its comparison; None where there is no such number.
        passed: Whether it holds. What compares with a champion holds where there is none.
    """

    expression: str
    value: float | None
    passed: bool


class _NoChampion(Exception):
    """The condition asks for a champion, and there is none."""


def judge(expression: str, values: Mapping[str, float], has_champion: bool) -> list[Gate]:
    """Ask each condition of an expression.

    Args:
        expression: Conditions joined by `and` are told one by one; empty for none.
        values: By name, such as `auc`, `auc.low`, `champion.auc`, `worst.auc`.
        has_champion: Whether there is a champion. Where there is none, a condition that names it
            holds: the first model has nobody to be better than.

    Raises:
        InvalidInput: It is no such expression, or names a score that is not there.
    """
    if not expression.strip():
        return []
    reader = _Reader(values, has_champion)
    try:
        return [reader.gate(ast.unparse(each), each) for each in _conditions(_parsed(expression))]
    except RecursionError as error:
        raise InvalidInput("gates is nested too deeply to be read.") from error


def _parsed(expression: str) -> ast.expr:
    if len(expression) > LONGEST:
        raise InvalidInput(f"gates has {len(expression)} characters; at most {LONGEST} are read.")
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(
            f"gates is {expression!r}, which is no expression: {error}. Expected one such as "
            "auc >= 0.7 and brier <= champion.brier + 0.002."
        ) from error


def _conditions(tree: ast.expr) -> list[ast.expr]:
    """Part what is joined by `and`."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return tree.values
    return [tree]


class _Reader:
    """Walks the tree of an expression, of which it knows few kinds of nodes."""

    def __init__(self, values: Mapping[str, float], has_champion: bool) -> None:
        self._values = values
        self._has_champion = has_champion

    def gate(self, text: str, node: ast.expr) -> Gate:
        """Judge one condition."""
        value = None
        try:
            if isinstance(node, ast.Compare):
                left = self._number(node.left)
                value = left if math.isfinite(left) else None
            return Gate(text, value, self._condition(node))
        except _NoChampion:
            return Gate(text, value, True)
        except ZeroDivisionError as error:
            raise InvalidInput(f"gates divides by zero in {text!r}.") from error
        except OverflowError as error:
            raise InvalidInput(f"gates has too large a number in {text[:80]!r}.") from error

    def _condition(self, node: ast.expr, *, unknown: bool = False) -> bool:
        """Judge a condition; `unknown` is what a comparison gives with a number that is none."""
        if isinstance(node, ast.BoolOp):
            each = [self._condition(value, unknown=unknown) for value in node.values]
            return all(each) if isinstance(node.op, ast.And) else any(each)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._condition(node.operand, unknown=not unknown)
        if isinstance(node, ast.Compare):
            numbers = [self._number(each) for each in (node.left, *node.comparators)]
            if any(type(each) not in _COMPARISONS for each in node.ops):
                raise self._unknown(node, "a comparison by <, <=, > or >=")
            if not all(map(math.isfinite, numbers)):
                # It compares with nothing, in either direction, also where that is turned round.
                return unknown
            return all(
                _COMPARISONS[type(op)](left, right)
                for op, left, right in zip(node.ops, numbers, numbers[1:], strict=False)
            )
        raise self._unknown(node, "a comparison, such as auc >= 0.7")

    def _number(self, node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(node)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _ARITHMETIC[type(node.op)](self._number(node.left), self._number(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = self._number(node.operand)
            return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            function = _FUNCTIONS.get(node.func.id)
            numbers = [self._number(each) for each in node.args]
            if function is not None and (len(numbers) > 1 or (function is abs and numbers)):
                return float(function(*numbers[:1] if function is abs else numbers))
        raise self._unknown(node, "a number or the name of a score")

    def _named(self, node: ast.Name | ast.Attribute) -> float:
        name = ast.unparse(node)
        if name in self._values:
            return self._values[name]
        if name.split(".")[0] == CHAMPION and not self._has_champion:
            raise _NoChampion
        known = ", ".join(sorted(self._values))
        raise InvalidInput(f"gates names {name!r}, which is no score; expected one of: {known}.")

    def _unknown(self, node: ast.expr, expected: str) -> InvalidInput:
        return InvalidInput(
            f"gates has {ast.unparse(node)!r}, which is not understood; expected {expected}."
        )
