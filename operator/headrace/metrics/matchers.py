"""What a selector of PromQL matches, for series that no Prometheus holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.api.selectors import LABEL, TEXT

NAME = "__name__"

_SELECTOR = re.compile(r"\s*(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?P<matchers>.*)\})?\s*", re.DOTALL)
_MATCHER = re.compile(rf"\s*({LABEL})\s*(=~|!~|!=|=)\s*({TEXT})\s*(?:,|$)\s*")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is not there is an empty text.

    Attributes:
        label: Its name.
        pattern: What all of its text must match.
        wanted: Whether it must, or must not.
    """

    label: str
    pattern: re.Pattern[str]
    wanted: bool

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series meets the condition."""
        found = self.pattern.fullmatch(labels.get(self.label, "")) is not None
        return found is self.wanted


def parse_matchers(selector: str) -> tuple[Matcher, ...]:
    """Read a selector such as `orders_total{shop=~"eu|us"}`.

    Raises:
        ValueError: It is none, or one of its regular expressions is none.
    """
    found = _SELECTOR.fullmatch(selector)
    if found is None:
        raise ValueError(f"is no selector: {selector[:80]!r}")
    matchers = []
    if found["name"]:
        matchers.append(Matcher(NAME, re.compile(re.escape(found["name"])), wanted=True))
    text, place = found["matchers"] or "", 0
    while place < len(text):
        one = _MATCHER.match(text, place)
        if one is None:
            raise ValueError(f"is no selector: {selector[:80]!r}")
        matchers.append(_matcher(one[1], one[2], _unquoted(one[3])))
        place = one.end()
    return tuple(matchers)


def _matcher(label: str, operator: str, text: str) -> Matcher:
    pattern = text if operator.endswith("~") else re.escape(text)
    try:
        return Matcher(label, re.compile(pattern), wanted=not operator.startswith("!"))
    except re.error as error:
        raise ValueError(f"has a regular expression that is none, {text[:80]!r}") from error


def _unquoted(text: str) -> str:
    """Read a text of PromQL; between quotes it has the escapes of Python's literals."""
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"has a text that is none: {text[:80]}") from error
