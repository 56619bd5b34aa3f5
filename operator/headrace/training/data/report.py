"""What was found when rows were held against a schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headrace.errors import InvalidData, InvalidInput
from headrace.serving.reference import Reference, parse_reference
from headrace.training.data.schema import DataSchema
from headrace.training.data.schema_text import to_yaml
from headrace.training.page import render_page

FORMAT = "headrace.dev/data-report/v1"


@dataclass(frozen=True)
class Violation:
    """One thing that is not as the schema says.

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
class Shift:
    """How far a column has moved since the last training set.

    Attributes:
        column: Its name.
        psi: The population stability index, >= 0: 0.1 is little, 0.25 is much.
        limit: From where on it counts as drift.
        most: The bin whose share changed most, in words with both shares.
    """

    column: str
    psi: float
    limit: float
    most: str

    @property
    def drifted(self) -> bool:
        """Whether the column has moved further than the limit."""
        return self.psi > self.limit


@dataclass(frozen=True)
class DataReport:
    """Everything that was found.

    Attributes:
        rows: How many were looked at.
        violations: In the order of the schema.
        shifts: Of every column that the last training set has, too; empty where none was given.
        reference: How the columns are distributed; the next data set is compared with it. None
            where that cannot be said, because the target is missing.
    """

    rows: int
    violations: tuple[Violation, ...]
    shifts: tuple[Shift, ...] = ()
    reference: Reference | None = None

    @property
    def refused(self) -> tuple[Violation, ...]:
        """The violations that forbid the use of the data set."""
        return tuple(each for each in self.violations if not each.tolerated)

    @property
    def drifted(self) -> tuple[Shift, ...]:
        """The columns that drifted."""
        return tuple(each for each in self.shifts if each.drifted)

    @property
    def passed(self) -> bool:
        """Whether nothing is refused and nothing drifted."""
        return not self.refused and not self.drifted

    def message(self) -> str:
        """Say how the data set did, in a sentence and a line for each fault."""
        if self.passed:
            tolerated = len(self.violations)
            return f"The {self.rows} rows are as the schema says ({tolerated} tolerated faults)."
        lines = [f"The data set of {self.rows} rows breaks its schema", *map(str, self.refused)]
        if not self.refused:
            lines = [f"The data set of {self.rows} rows has drifted from the last training set"]
        lines += [
            f"{s.column}: drift of {s.psi:.2f}, {s.limit:g} allowed: {s.most}" for s in self.drifted
        ]
        return "\n  ".join(lines)

    def require(self) -> None:
        """Insist that the data set may be used.

        Raises:
            InvalidData: It may not; the text has every reason.
        """
        if not self.passed:
            raise InvalidData(self.message())

    def to_document(self) -> dict[str, Any]:
        """Give the report as JSON holds it."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "passed": self.passed,
            "violations": [{**asdict(v), "tolerated": v.tolerated} for v in self.violations],
            "drift": [{**asdict(s), "drifted": s.drifted} for s in self.shifts],
            "reference": None if self.reference is None else self.reference.to_document(),
        }


def reference_of(text: str, source: str) -> Reference:
    """Read the distributions of the data set that an earlier report is about.

    Raises:
        InvalidInput: It is no report, or one of a data set whose target was missing.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{source} is no JSON: {error}.") from error
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise InvalidInput(f"{source} is no report of validate_data: its format is not {FORMAT}.")
    given = document.get("reference")
    reference, faults = parse_reference(given if isinstance(given, Mapping) else {})
    if reference is None:
        raise InvalidInput("\n  ".join([f"{source} has no distributions:", *map(str, faults)]))
    return reference


def report_page(report: DataReport, schema: DataSchema) -> str:
    """Show a report in HTML, with the schema that it is about."""
    return render_page(
        "data_report.html", title="Data report", report=report, schema=to_yaml(schema)
    )


def require_action(on_violation: str) -> None:
    """Refuse what is neither `stop` nor `mark`.

    Raises:
        InvalidInput: It is neither.
    """
    if on_violation not in ("stop", "mark"):
        raise InvalidInput(f"on_violation is {on_violation!r}; expected stop or mark.")
