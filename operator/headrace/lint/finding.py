"""What lint says about one place in a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is, in SARIF's words."""

    ERROR = "error"
    """It will be refused, or can never work."""
    WARNING = "warning"
    """It will be accepted, and most probably is not what was meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that lint looks for.

    Attributes:
        code: `HR` and three digits; never used again for something else.
        name: In lower case with hyphens.
        level: Of all its findings.
        summary: One sentence.
        why: What happens if it stays, and what to do.
    """

    code: str
    name: str
    level: Level
    summary: str
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at one place.

    Attributes:
        rule: What was looked for.
        file: As it was named.
        line: Counted from 1; 1 where the whole file is meant.
        column: Counted from 1.
        path: Such as `spec.analysis.checks[0]`; empty where the text itself is at fault.
        problem: What was found, as a phrase about the path.
        fix: What was expected, or what to write; may be empty.
    """

    rule: Rule
    file: str
    line: int
    column: int
    path: str
    problem: str
    fix: str = ""

    @property
    def message(self) -> str:
        """Say it in one line."""
        said = f"{self.path}: {self.problem}" if self.path else self.problem
        return f"{said}; {self.fix}" if self.fix else said
