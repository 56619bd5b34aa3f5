"""Whether what users ask of Prometheus is PromQL, before Prometheus is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser

from headrace.api import RolloutSpec
from headrace.api.check import Check
from headrace.api.templates import NAMES, render_query
from headrace.errors import Fault
from headrace.lint import catalogue
from headrace.lint.advice import Advice

_OPERATORS = re.compile(r"[-+*/%^(\[]|\b(?:and|or|unless)\b|[=!<>]=?")
_MOST_OPERATORS = 300
"""The parser calls itself for each, without a limit of its own."""

_RANGES = (promql_parser.MatrixSelector, promql_parser.SubqueryExpr)


def query_faults(spec: RolloutSpec) -> Iterator[Advice]:
    """Name every query and selector that Prometheus would refuse, and queries without a value."""
    for index, check in enumerate(spec.analysis.checks):
        for field, text in _asked(check):
            problem = _problem(text, whole=field == "query")
            if problem:
                path = f"spec.analysis.checks[{index}].{field}"
                expected = "PromQL with one value, such as `max(queue_length)`"
                yield catalogue.NOT_PROMQL, Fault(path, problem, expected)


def _asked(check: Check) -> Iterator[tuple[str, str]]:
    yield from check.selectors.items()
    if check.query is not None:
        anything = {thing: dict.fromkeys(names, "x") for thing, names in NAMES.items()}
        yield "query", render_query(check.query, anything)


def _problem(text: str, *, whole: bool) -> str:
    """Say what is wrong; empty if nothing is."""
    count = len(_OPERATORS.findall(text))
    if count > _MOST_OPERATORS:
        return f"has {count} operators and brackets, more than {_MOST_OPERATORS}"
    try:
        parsed = promql_parser.parse(text)
    except ValueError as error:
        return f"is no PromQL: {error}"
    if whole and isinstance(parsed, promql_parser.StringLiteral):
        return "gives a text"
    if whole and isinstance(parsed, _RANGES):
        return "gives the values of a range"
    return ""
