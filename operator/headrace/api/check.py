"""One question that a user asks of the numbers, of a built-in metric or of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from headrace.api.fields import Name, Part, RuleBroken
from headrace.api.limits import Above, DriftLimit, LatencyLimit, WorseThanStable
from headrace.api.selectors import LONGEST as LONGEST_SELECTOR
from headrace.api.selectors import parse_selector
from headrace.api.templates import LONGEST as LONGEST_QUERY
from headrace.api.templates import check_template
from headrace.errors import Fault

__all__ = ["Check", "DriftLimit", "LatencyLimit", "WorseThanStable"]

MetricName = Literal[
    "error-rate",
    "latency",
    "shadow-agreement",
    "request-split",
    "reward",
    "prediction-drift",
    "feature-drift",
]
Kind = Literal["Counts", "Mean", "Histogram", "Value"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a check of one subject looks like.

    Attributes:
        limits: The limits it can have; exactly one, or none if there are none.
        above: What its `above` must be.
        share: Whether its numbers are shares, in (0, 1).
        example: A line with a limit.
        needs: Fields that it must have.
        may: Further fields that it may have.
    """

    limits: tuple[str, ...]
    above: type = float
    share: bool = True
    example: str = ""
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


SHAPES: Mapping[str, Shape] = {
    "error-rate": Shape(("worseThanStable", "above"), example="worseThanStable: {ratio: 1.5}"),
    "latency": Shape(
        ("worseThanStable", "above"),
        LatencyLimit,
        share=False,
        example="worseThanStable: {ratio: 1.2, quantile: 0.95}",
    ),
    "shadow-agreement": Shape(("below",), example="below: 0.97"),
    "request-split": Shape(()),
    "reward": Shape(("worseThanStable", "below"), example="worseThanStable: {ratio: 1.1}"),
    "prediction-drift": Shape(("above",), DriftLimit, example="above: {psi: 0.2}"),
    "feature-drift": Shape(("above",), DriftLimit, example="above: {psi: 0.2}", needs=("feature",)),
    "Counts": Shape(
        ("worseThanStable", "above"),
        example="worseThanStable: {ratio: 1.1}",
        needs=("bad", "total"),
        may=("armLabel",),
    ),
    "Mean": Shape(
        ("worseThanStable", "above", "below"),
        share=False,
        example="worseThanStable: {ratio: 1.05}",
        needs=("sum", "count"),
        may=("squares", "better", "armLabel"),
    ),
    "Histogram": Shape(
        ("worseThanStable", "above"),
        LatencyLimit,
        share=False,
        example="worseThanStable: {ratio: 1.2, quantile: 0.95}",
        needs=("buckets",),
        may=("armLabel",),
    ),
    "Value": Shape(("above", "below"), share=False, example="above: 2e9", needs=("query",)),
}
SELECTORS = ("bad", "total", "sum", "count", "squares", "buckets")
OF_SUBJECT = ("feature", *SELECTORS, "query", "armLabel", "better")
_HAVE_QUANTILES = ("latency", "Histogram")
_SELECTOR_EXAMPLE = 'orders_total{shop="eu"}'

# The lengths are for the schema; the parsers say more when they refuse.
SelectorText = Annotated[str, Field(json_schema_extra={"maxLength": LONGEST_SELECTOR})]
QueryText = Annotated[str, Field(json_schema_extra={"maxLength": LONGEST_QUERY})]


class Check(Part):
    """One question asked of the observations.

    Exactly one of `metric` (counted by Headrace's own parts) and `kind` (counters or a query of
    the user's own).
    """

    name: Name
    """Names it in the status, in messages and in the report."""
    metric: MetricName | None = None
    """What Headrace's own router, servers and comparator count."""
    kind: Kind | None = None
    """What the user's queries give. `Value` has no error guarantee."""
    worse_than_stable: WorseThanStable | None = None
    """Compares the arms over the same time."""
    above: Above | None = None
    """An upper limit: a share, `{quantile, limit}`, `{psi}`, `{moved}`, or a number for `Mean`
    and `Value`."""
    below: float | None = None
    """A lower limit: the least share of equal answers, the least mean, the least value."""
    required: bool = True
    """Whether promotion waits for this check's proof."""
    feature: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """For feature-drift: the model's input."""
    bad: SelectorText | None = None
    """`Counts`: a selector of the counter of bad events."""
    total: SelectorText | None = None
    """`Counts`: a selector of the counter of all events."""
    sum: SelectorText | None = None
    """`Mean`: a selector of the counter of the summed values."""
    count: SelectorText | None = None
    """`Mean`: a selector of the counter of how many values."""
    squares: SelectorText | None = None
    """`Mean`: a selector of the counter of the summed squares; without it the scatter is learned
    from stable's history."""
    buckets: SelectorText | None = None
    """`Histogram`: a selector of the buckets, with the label `le`."""
    query: QueryText | None = None
    """`Value`: PromQL with one value as its answer; a template with `{{ candidate.version }}`."""
    arm_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128)] | None = (
        None
    )
    """The label whose value is the version; default `version`."""
    better: Literal["Higher", "Lower"] | None = None
    """`Mean`: which way is better; default `Higher`."""

    @property
    def subject(self) -> str:
        """What is asked about: the metric's name, or the kind of query."""
        return self.metric or self.kind or ""

    @property
    def selectors(self) -> Mapping[str, str]:
        """The user's selectors of counters by field, in the order of the fields."""
        given = {name: getattr(self, name) for name in SELECTORS}
        return {name: text for name, text in given.items() if text is not None}

    @property
    def label(self) -> str:
        """The label that tells the arms of a user's counters apart."""
        return self.arm_label or "version"

    @property
    def higher_is_better(self) -> bool:
        """Whether a candidate with a larger mean is the better one."""
        if self.metric == "reward":
            return True
        if self.better is not None:
            return self.better == "Higher"
        return self.kind == "Mean" and self.above is None

    @model_validator(mode="before")
    @classmethod
    def _margin_is_a_number(cls, check: Any) -> Any:
        # A duration reads as a number too, so this must be asked of what the user wrote.
        if isinstance(check, dict) and check.get("metric") != "latency":
            comparison = check.get("worseThanStable")
            margin = comparison.get("margin") if isinstance(comparison, dict) else None
            if isinstance(margin, str) and check.get("kind") != "Histogram":
                path = "worseThanStable.margin"
                raise RuleBroken([Fault(path, f"is {margin!r}", "a share", "margin: 0.005")])
        return check

    @model_validator(mode="after")
    def _fits_its_subject(self) -> Self:
        if (self.metric is None) == (self.kind is None):
            found = "both metric and kind" if self.metric else "neither metric nor kind"
            fault = Fault("", f"has {found}", "exactly one of them", "metric: error-rate")
            raise RuleBroken([fault])
        shape = SHAPES[self.subject]
        faults = [
            *self._limit_faults(shape),
            *self._value_faults(shape),
            *self._field_faults(shape),
            *self._query_faults(),
        ]
        if faults:
            raise RuleBroken(faults)
        return self

    def _given(self, *names: str) -> list[str]:
        fields = {field.alias or name: name for name, field in type(self).model_fields.items()}
        return [name for name in names if getattr(self, fields[name]) is not None]

    def _limit_faults(self, shape: Shape) -> Iterator[Fault]:
        given = self._given("worseThanStable", "above", "below")
        if len(given) == min(1, len(shape.limits)) and set(given) <= set(shape.limits):
            return
        problem = f"a check of {self.subject} has {' and '.join(given) or 'no limit'}"
        fitting = ", ".join(shape.limits)
        expected = f"exactly one of {fitting}" if fitting else "no limit: it has its own"
        yield Fault("", problem, expected, shape.example)

    def _value_faults(self, shape: Shape) -> Iterator[Fault]:
        above, below, comparison = self.above, self.below, self.worse_than_stable
        if above is not None and "above" in shape.limits and not isinstance(above, shape.above):
            yield _wrong_kind(above, shape)
        elif shape.share:
            for name, value in (("above", above), ("below", below)):
                if isinstance(value, float) and not 0 < value < 1:
                    yield Fault(name, f"is {value:g}", "a share between 0 and 1", f"{name}: 0.02")
        if comparison is None:
            return
        if comparison.quantile is not None and self.subject not in _HAVE_QUANTILES:
            yield Fault("worseThanStable.quantile", "is set", f"no quantile for {self.subject}")
        margin = comparison.margin
        if margin is not None and not 0 <= margin < (1 if shape.share else float("inf")):
            expected = "a share" if shape.share else "no less than zero"
            yield Fault("worseThanStable.margin", f"is {margin:g}", expected, "0.005")

    def _field_faults(self, shape: Shape) -> Iterator[Fault]:
        given = self._given(*OF_SUBJECT)
        for name in shape.needs:
            if name not in given:
                yield Fault(name, "is missing", f"it for a check of {self.subject}")
        for name in given:
            if name not in shape.needs + shape.may:
                yield Fault(name, "is set", f"no {name} for a check of {self.subject}")
        limits = {"above": "Lower", "below": "Higher"}
        for name in self._given("above", "below") if self.better else ():
            if self.better != limits[name]:
                yield Fault("better", f"is {self.better}", f"{limits[name]} beside {name}")

    def _query_faults(self) -> Iterator[Fault]:
        for name, text in self.selectors.items():
            try:
                parse_selector(text)
            except ValueError as error:
                expected = "a selector of a raw counter, as Headrace takes its increments"
                yield Fault(name, str(error), expected, f"{name}: '{_SELECTOR_EXAMPLE}'")
        if self.query is not None:
            try:
                check_template(self.query)
            except ValueError as error:
                problem, _, expected = str(error).partition("; expected ")
                yield Fault("query", problem, expected)


def _wrong_kind(above: float | LatencyLimit | DriftLimit, shape: Shape) -> Fault:
    found = {float: "a number", LatencyLimit: "a latency limit", DriftLimit: "a limit of drift"}
    wanted = {
        float: ("a share" if shape.share else "a number", "above: 0.02"),
        LatencyLimit: ("a quantile and a limit", "above: {quantile: 0.95, limit: 250ms}"),
        DriftLimit: ("psi or moved", "above: {psi: 0.2}"),
    }
    expected, example = wanted[shape.above]
    return Fault("above", f"is {found[type(above)]}", expected, example)
