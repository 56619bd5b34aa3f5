"""What a check compares with: stable at the same time, or an absolute limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from headrace.api.fields import Duration, Part, RuleBroken
from headrace.errors import Fault


class WorseThanStable(Part):
    """A comparison of the two arms over the same time.

    Rolls back on proof that the candidate is worse than `tolerance` times stable; lets it be
    promoted on proof that it is better than `ratio` times stable. `margin` loosens the second by
    an absolute amount, for services that hardly ever fail; for latency it loosens both, as few
    milliseconds are nobody's harm: whichever of factor and margin allows more counts.

    Where more is better (rewards), `ratio` 1.1 asks for at least 1/1.1 of what stable earns.
    """

    ratio: Annotated[float, Field(gt=1, le=100)] = 1.5
    """How many times as bad as stable a candidate must be proved not to be."""
    tolerance: Annotated[float, Field(ge=1, le=100)] = 1.0
    """How many times as bad as stable a candidate may be without a rollback."""
    margin: float | Duration | None = None
    """Absolute: a share for error-rate (`0.005`, the default), a duration for latency (`5ms`)."""
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Latency only: the quantile that is compared for promotion; default 0.95."""

    @model_validator(mode="after")
    def _tolerance_below_ratio(self) -> Self:
        if self.tolerance >= self.ratio:
            expected = f"less than ratio, which is {self.ratio:g}"
            raise RuleBroken([Fault("tolerance", f"is {self.tolerance:g}", expected)])
        return self


class LatencyLimit(Part):
    """An absolute limit: `quantile` of the requests must take less than `limit`."""

    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """The share of requests that must be faster than the limit."""
    limit: Duration
    """What they must be faster than; best a bucket bound."""


class DriftLimit(Part):
    """How far a distribution may be from another: exactly one of `psi` and `moved`."""

    psi: Annotated[float, Field(gt=0, le=10)] | None = None
    """From the candidate's training data: the population stability index, of which 0.1 is usually
    called slight and 0.25 large."""
    moved: Annotated[float, Field(gt=0, lt=1)] | None = None
    """From stable at the same time: the share of values that lie in other bins (the total
    variation)."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.psi is None) == (self.moved is None):
            found = "both psi and moved" if self.psi is not None else "neither psi nor moved"
            raise RuleBroken([Fault("", f"has {found}", "exactly one of them", "psi: 0.2")])
        return self


def _kind_of_limit(value: Any) -> str:
    if isinstance(value, DriftLimit):
        return "drift"
    if isinstance(value, LatencyLimit):
        return "latency"
    if isinstance(value, Mapping):
        return "drift" if {"psi", "moved"} & set(value) else "latency"
    return "number"


Above = Annotated[
    Annotated[float, Tag("number")]
    | Annotated[LatencyLimit, Tag("latency")]
    | Annotated[DriftLimit, Tag("drift")],
    Discriminator(_kind_of_limit),
]
"""A number; `{quantile, limit}` for latencies; `{psi}` or `{moved}` for drift."""
