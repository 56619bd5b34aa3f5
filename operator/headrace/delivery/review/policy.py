"""What a review insists on: a YAML document that is kept in git beside the pipeline."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from headrace.api.documents import format_path
from headrace.api.fields import Part, RuleBroken
from headrace.api.yaml_text import NotYaml, read_documents
from headrace.errors import Fault, InvalidInput

Measure = Literal["positive-rate", "true-positive-rate", "accuracy", "mean-error"]


class Fairness(Part):
    """A bound on how differently the groups of a column are treated."""

    column: str
    """A column of the held-out rows, such as `sex`; the model need not read it."""
    measure: Measure
    """`positive-rate` and `true-positive-rate` of binary models, `accuracy` of those that give
    labels, `mean-error` (answer minus truth) of numbers."""
    largest_difference: Annotated[float, Field(gt=0)] | None = None
    """Between the highest and the lowest group."""
    smallest_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the lowest group to the highest, such as 0.8."""
    least_rows: Annotated[int, Field(ge=1)] = 30
    """Smaller groups are named and not judged: their figures would be chance."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if (self.largest_difference is None) == (self.smallest_ratio is None):
            expected = "one of largestDifference and smallestRatio"
            raise RuleBroken([Fault("", "has none or two bounds", expected)])
        if self.measure == "mean-error" and self.smallest_ratio is not None:
            expected = "largestDifference: errors have both signs"
            raise RuleBroken([Fault("smallestRatio", "is given for mean-error", expected)])
        return self


class Approvals(Part):
    """Who must say yes."""

    needed: Annotated[int, Field(ge=1, le=20)] = 1
    """How many different people."""
    by: tuple[str, ...] = ()
    """Whose yes counts; anybody's where none is named."""

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.by and self.needed > len(set(self.by)):
            problem = f"is {self.needed}, and {len(set(self.by))} are named"
            raise RuleBroken([Fault("needed", problem, f"at most {len(set(self.by))}")])
        return self


class Policy(Part):
    """What a review insists on; what is left out is not asked."""

    format: Literal["headrace.dev/review/v1"] = "headrace.dev/review/v1"
    card: tuple[str, ...] = ()
    """What people must have told in the card, such as `owner` and `intended_use`."""
    licences: tuple[str, ...] = ()
    """The card's `licence` must be one of them."""
    evaluation: bool = True
    """Whether the model must have passed its evaluation."""
    lineage: tuple[str, ...] = ()
    """What the bundle must lead back to, such as `data-digest`, `code-commit` and `run`."""
    fairness: tuple[Fairness, ...] = ()
    """Bounds that the held-out rows must keep."""
    approvals: Approvals | None = None
    """None lets the model pass without a person."""


def read_policy(text: str) -> Policy:
    """Read a policy.

    Raises:
        InvalidInput: It is none; the text has every fault.
    """
    try:
        documents = read_documents(text)
    except NotYaml as error:
        raise InvalidInput(f"The review policy is no YAML: line {error.line}: {error}.") from error
    data = documents[0].data if len(documents) == 1 else None
    if not isinstance(data, dict) or documents[0].faults:
        raise InvalidInput("The review policy is none; expected one mapping, such as `card: []`.")
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        faults = []
        for each in error.errors():
            broken = each.get("ctx", {}).get("error")
            where = format_path(each["loc"])
            faults.append(f"{where}: {broken if isinstance(broken, RuleBroken) else each['msg']}")
        raise InvalidInput("The review policy has faults: " + "; ".join(faults) + ".") from error
