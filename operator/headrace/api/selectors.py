"""What users write to name counters: selectors of PromQL, and nothing that computes.

`rate()` and `increase()` extrapolate, and windows that overlap count a request twice: the tests
need raw counters, of which Headrace takes the increments itself, each once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
TEXT = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_MATCHER = rf"\s*{LABEL}\s*(?:=~|!~|!=|=)\s*(?:{TEXT})\s*"
PATTERN = (
    rf"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*"
    rf"(?:\{{(?P<matchers>{_MATCHER}(?:,{_MATCHER})*)?,?\s*\}})?\s*"
)
"""All that a selector may be, in the syntax that RE2 shares, so that Kubernetes can ask it too."""
_SELECTOR = re.compile(PATTERN)
_NAME_MATCHER = re.compile(rf"\s*__name__\s*=\s*(?:{TEXT})")
LONGEST = 2000
"""Characters of a selector."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector of counters.

    Attributes:
        name: Of the metric; empty if a matcher of `__name__` gives it.
        matchers: What stands between the braces, as the user wrote it; may be empty.
    """

    name: str
    matchers: str

    def matching(self, label: str, pattern: str) -> Selector:
        """Give it with one more matcher: a label and an escaped regular expression."""
        matcher = f'{label}=~"{pattern}"'
        return Selector(self.name, f"{self.matchers},{matcher}" if self.matchers else matcher)

    def __str__(self) -> str:
        """Write it as PromQL."""
        return f"{self.name}{{{self.matchers}}}" if self.matchers else self.name


def parse_selector(text: str) -> Selector:
    """Read a selector such as `orders_total{shop="eu"}`.

    Raises:
        ValueError: It is none; the text says what it is instead.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text)} characters, more than {LONGEST}")
    found = _SELECTOR.fullmatch(text)
    if found is None:
        raise ValueError(_instead(text))
    name, matchers = found["name"] or "", (found["matchers"] or "").strip()
    if not name and not _NAME_MATCHER.match(matchers):
        raise ValueError("names no metric")
    return Selector(name, matchers)


def _instead(text: str) -> str:
    bare = re.sub(TEXT, '""', text)
    call = re.search(r"([a-zA-Z_]\w*)\s*(?:by|without)?\s*\(", bare)
    if call:
        return f"calls `{call[1]}()`"
    if "[" in bare:
        return "has a range, which Headrace sets itself"
    if re.search(r"\boffset\b|@", bare):
        return "looks at another time"
    if re.search(r"[-+*/%^]|\b(?:and|or|unless)\b|[<>]", re.sub(r"\{[^}]*\}", "", bare)):
        return "computes"
    return f"is {text[:80]!r}"
