"""Check rows against rules before anything is trained on them.

A report names every violation, with how many rows it hits and an example. Some are tolerated up
to a share that the rule states: a missing reading is not a broken data set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import pandas as pd

from headrace.errors import InvalidData


@dataclass(frozen=True)
class ColumnRule:
    """What a column may hold.

    Attributes:
        name: The column.
        type: `number`, `string`, or `instant`: ISO 8601 text with an offset.
        low: The smallest number allowed.
        high: The largest number allowed.
        missing: The largest share of rows, 0 to 1, that may have no value.
        outside: The largest share of rows, 0 to 1, that may be out of range or infinite.
    """

    name: str
    type: Literal["number", "string", "instant"]
    low: float = -np.inf
    high: float = np.inf
    missing: float = 0.0
    outside: float = 0.0


@dataclass(frozen=True)
class Rules:
    """What a data set must be.

    Attributes:
        columns: One rule a column; other columns are violations too.
        key: Columns that name a row: no two rows share all of them.
        target: The column with the answer, which must take more than one value.
        at_least: How many rows there must be.
    """

    columns: tuple[ColumnRule, ...]
    key: tuple[str, ...]
    target: str
    at_least: int


@dataclass(frozen=True)
class Violation:
    """One thing that is not as a rule says.

    Attributes:
        where: The column, or `rows`.
        problem: What is wrong, as a phrase.
        rows: How many rows it hits.
        allowed: How many rows it may hit; more, and the data set is refused.
        example: A value that is wrong; empty where none helps.
    """

    where: str
    problem: str
    rows: int
    allowed: int = 0
    example: str = ""

    @property
    def tolerated(self) -> bool:
        """Whether the data set may be used in spite of it."""
        return self.rows <= self.allowed

    def __str__(self) -> str:
        """Give it as a person would say it."""
        text = f"{self.where}: {self.problem} in {self.rows} rows, {self.allowed} allowed"
        return f"{text}, for example {self.example}" if self.example else text


@dataclass(frozen=True)
class Report:
    """All violations of a data set, in the order of the rules."""

    rows: int
    violations: tuple[Violation, ...]

    @property
    def refused(self) -> tuple[Violation, ...]:
        """The violations that forbid the use of the data set."""
        return tuple(each for each in self.violations if not each.tolerated)

    def require(self) -> None:
        """Insist that nothing is wrong that is not tolerated.

        Raises:
            InvalidData: With every violation that is not.
        """
        if self.refused:
            count = "1 rule" if len(self.refused) == 1 else f"{len(self.refused)} rules"
            lines = [f"The data set of {self.rows} rows breaks {count}", *map(str, self.refused)]
            raise InvalidData("\n  ".join(lines))

    def to_document(self) -> dict[str, object]:
        """Give the report as JSON holds it."""
        violations = [{**asdict(each), "tolerated": each.tolerated} for each in self.violations]
        return {"rows": self.rows, "violations": violations}


def validate(rows: pd.DataFrame, rules: Rules) -> Report:
    """Check rows against rules; never stops at the first violation."""
    return Report(len(rows), tuple(_violations(rows, rules)))


def _violations(rows: pd.DataFrame, rules: Rules) -> Iterator[Violation]:
    if len(rows) < rules.at_least:
        # Not a count of bad rows: there are fewer than there must be, whatever is allowed.
        yield Violation("rows", f"fewer than {rules.at_least}", max(len(rows), 1))
    for rule in rules.columns:
        if rule.name in rows:
            yield from _of_column(rows[rule.name], rule)
        else:
            yield Violation(rule.name, "the column is missing", max(len(rows), 1))
    for name in rows.columns.difference([rule.name for rule in rules.columns]):
        yield Violation(str(name), "the column is not known", max(len(rows), 1))
    if set(rules.key) <= set(rows.columns):
        twice = rows.duplicated(list(rules.key))
        if twice.any():
            example = " ".join(map(str, rows.loc[twice, list(rules.key)].iloc[0]))
            yield Violation("rows", "the same flight again", int(twice.sum()), 0, example)
    if rules.target in rows and len(rows) and rows[rules.target].nunique() < 2:
        yield Violation(rules.target, "all answers are the same", len(rows))


def _of_column(values: pd.Series, rule: ColumnRule) -> Iterator[Violation]:
    missing = values.isna()
    if missing.any():
        allowed = int(rule.missing * len(values))
        yield Violation(rule.name, "no value", int(missing.sum()), allowed)
    present = values[~missing]
    if rule.type == "number":
        yield from _of_numbers(present, rule, len(values))
        return
    wrong = pd.Series(
        [not isinstance(value, str) or not value.strip() for value in present],
        index=present.index,
        dtype=bool,
    )
    if rule.type == "instant":
        texts = present.where(~wrong, "").astype(str)
        # Without an offset a time is on nobody's clock.
        offset = texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).astype(bool)
        parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
        wrong = wrong | ~offset | parsed.isna()
    if wrong.any():
        noun = "no text" if rule.type == "string" else "no ISO 8601 instant with an offset"
        yield Violation(rule.name, noun, int(wrong.sum()), 0, repr(present[wrong].iloc[0]))


def _of_numbers(present: pd.Series, rule: ColumnRule, total: int) -> Iterator[Violation]:
    if not pd.api.types.is_numeric_dtype(present):
        if len(present):
            yield Violation(rule.name, "no number", len(present), 0, repr(present.iloc[0]))
        return
    outside = ~present.between(rule.low, rule.high) | ~np.isfinite(present)
    if outside.any():
        problem = f"not between {rule.low:g} and {rule.high:g}"
        allowed = int(rule.outside * total)
        example = f"{present[outside].iloc[0]:g}"
        yield Violation(rule.name, problem, int(outside.sum()), allowed, example)
