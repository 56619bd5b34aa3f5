"""What a data set must be: its columns, and which of them is the answer, the key, the time.

A person reviews this document and keeps it in git beside the pipeline. `schema_text` reads and
writes it as YAML, `infer` makes a first one of rows, `validate` holds rows against it. This module
knows no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from headrace.api.fields import Duration, Part, RuleBroken
from headrace.errors import Fault, InvalidInput
from headrace.serving.comparison import label_text
from headrace.serving.signature import Column as ModelColumn
from headrace.serving.signature import ColumnType as ModelColumnType
from headrace.serving.signature import is_name

FORMAT: Final = "headrace.dev/data-schema/v1"

ColumnType = Literal["number", "integer", "string", "category", "boolean", "instant"]
Task = Literal["binary", "multiclass", "regression"]

_RANGED = ("number", "integer")
_LISTED = ("string", "category", "integer", "boolean")
_REQUEST_TYPES: dict[ColumnType, ModelColumnType] = {
    "number": "number",
    "integer": "number",
    "boolean": "number",
    "string": "string",
    "category": "string",
    "instant": "string",
}


def _label(value: object) -> str:
    if isinstance(value, str | int | float):
        return label_text(value)
    raise ValueError(f"is {value!r}; expected a text, a whole number, true or false")


Label = Annotated[str, BeforeValidator(_label)]
Share = Annotated[float, Field(ge=0, le=1)]


class Column(Part):
    """One column of a data set."""

    name: str
    """Unique in the schema."""
    type: ColumnType
    """`number`, `integer` (whole), `string` (any text), `category` (one of few texts), `boolean`,
    or `instant`: ISO 8601 text with an offset, or Parquet's own timestamp."""
    nullable: Share = 0.0
    """The largest share of rows that may have no value."""
    low: float | None = None
    """The smallest number allowed."""
    high: float | None = None
    """The largest number allowed."""
    categories: tuple[Label, ...] | None = None
    """The values allowed; none where any will do."""
    outside: Share = 0.0
    """The largest share of rows that may be out of range or of no known category."""
    unique: bool = False
    """Whether no value may occur twice."""
    request: bool = True
    """Whether a request carries it. The target and the weight never do, whatever this says."""

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        if faults := list(self._faults()):
            raise RuleBroken(faults)
        return self

    def _faults(self) -> Iterator[Fault]:
        if not is_name(self.name):
            yield Fault("name", f"is {self.name!r}", "1 to 253 printable characters")
        for bound in ("low", "high"):
            if getattr(self, bound) is not None and self.type not in _RANGED:
                yield Fault(bound, f"is given for a {self.type}", "it for numbers only")
        if self.low is not None and self.high is not None and self.low > self.high:
            yield Fault("low", f"is {self.low:g}, above high", f"at most {self.high:g}")
        if self.categories is not None:
            if self.type not in _LISTED:
                expected = "them for " + ", ".join(_LISTED)
                yield Fault("categories", f"are given for a column of type {self.type}", expected)
            if not self.categories or len(set(self.categories)) < len(self.categories):
                yield Fault("categories", "are none, or one is there twice", "different texts")


class DataSchema(Part):
    """What the rows of a data set must be."""

    format: Literal["headrace.dev/data-schema/v1"] = FORMAT
    task: Task
    """`binary`, `multiclass` or `regression`."""
    target: str
    """The column with the answer."""
    positive: Label | None = None
    """Of a binary task: the label whose probability the model gives."""
    key: tuple[str, ...] = ()
    """Columns that name a row: no two rows share all of them."""
    time: str | None = None
    """The instant when a row was known; splits and freshness go by it."""
    group: str | None = None
    """Rows of one group (a patient, a machine) never stand on both sides of a split."""
    weight: str | None = None
    """How much a row counts, a number > 0."""
    freshness: Duration | None = None
    """The largest age of the newest row, such as `7d`, where data must be fresh."""
    least_rows: Annotated[int, Field(ge=1)] = 100
    """How many rows there must be."""
    columns: Annotated[tuple[Column, ...], Field(min_length=2)]
    """Every column of the data set, in its order; other columns are violations."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def answer(self) -> Column:
        """The target's column."""
        return self.column(self.target)

    @property
    def request_columns(self) -> tuple[ModelColumn, ...]:
        """What a request carries, as the model server knows columns; a boolean is 0 or 1."""
        return tuple(
            ModelColumn(column.name, _REQUEST_TYPES[column.type], nullable=column.nullable > 0)
            for column in self.columns
            if column.request and column.name not in (self.target, self.weight)
        )

    def column(self, name: str) -> Column:
        """Find a column.

        Raises:
            InvalidInput: There is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise InvalidInput(
            f"The schema has no column {name!r}; expected one of: {', '.join(self.names)}."
        )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := [*self._of_names(), *self._of_target(), *self._of_roles()]:
            raise RuleBroken(faults)
        return self

    def _of_names(self) -> Iterator[Fault]:
        seen: set[str] = set()
        for place, column in enumerate(self.columns):
            if column.name in seen:
                yield Fault(f"columns[{place}].name", f"is {column.name!r} again", "another name")
            seen.add(column.name)
        roles = {"target": self.target, "time": self.time, "group": self.group}
        roles |= {"weight": self.weight, **{f"key[{i}]": name for i, name in enumerate(self.key)}}
        for role, name in roles.items():
            if name is not None and name not in seen:
                yield Fault(role, f"is {name!r}, which is no column", "one of " + ", ".join(seen))
        if seen and not self.request_columns:
            yield Fault("columns", "leave nothing for a request", "a column with request: true")

    def _of_target(self) -> Iterator[Fault]:
        column = next((each for each in self.columns if each.name == self.target), None)
        if column is None:
            return
        if column.nullable:
            yield Fault("target", f"{self.target!r} may be missing", "nullable: 0")
        numeric = column.type in _RANGED
        if (self.task == "regression" and not numeric) or (
            self.task != "regression" and column.type in ("number", "instant")
        ):
            expected = (
                "number or integer"
                if self.task == "regression"
                else "a column of type integer, string, category or boolean"
            )
            yield Fault("target", f"{self.target!r} is of type {column.type}", expected)
        if self.task == "binary":
            known = column.categories
            if self.positive is None:
                yield Fault("positive", "is missing", "the label that counts as a yes", "1")
            elif known is not None and self.positive not in known:
                yield Fault("positive", f"is {self.positive!r}", "one of " + ", ".join(known))
            if known is not None and len(known) != 2:
                yield Fault("target", f"has {len(known)} categories", "2 for a binary task")
        elif self.positive is not None:
            yield Fault("positive", f"is given for a {self.task} task", "none")

    def _of_roles(self) -> Iterator[Fault]:
        columns = {column.name: column for column in self.columns}
        if self.time in columns and columns[self.time].type != "instant":
            yield Fault("time", f"{self.time!r} is a {columns[self.time].type}", "an instant")
        if self.weight in columns:
            weight = columns[self.weight]
            if weight.type not in _RANGED or weight.nullable:
                yield Fault("weight", f"{self.weight!r} is no number, or null", "numbers > 0")
        if self.target in (self.time, self.group, self.weight, *self.key):
            yield Fault("target", f"{self.target!r} has another role, too", "the answer alone")
        if self.freshness is not None and self.time is None:
            yield Fault("freshness", "is given without time", "time: the column to go by")
