"""What is asked of the numbers, at which risk, and what missing numbers mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from headrace.api.fields import Duration, Name, Part, RuleBroken
from headrace.errors import Fault


class OnNoData(StrEnum):
    """What happens when a check has had no data for `noDataTimeout`."""

    HOLD = "Hold"
    PAUSE = "Pause"
    ROLL_BACK = "RollBack"


class IfInconclusive(StrEnum):
    """What happens at `maxDuration` when neither harm nor safety is proved."""

    PAUSE = "Pause"
    ROLL_BACK = "RollBack"


class Mode(StrEnum):
    """How far Headrace may go by itself when a check fails."""

    OBSERVE = "Observe"
    ADVISE = "Advise"
    ENFORCE = "Enforce"


class Risk(Part):
    """The two mistakes, each as a probability over the whole rollout."""

    false_rollback: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """Of rolling back a candidate that is no worse than tolerated."""
    missed_regression: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Of promoting a candidate that is worse than a check's limit, per check."""


class WorseThanStable(Part):
    """A comparison of the two arms over the same time.

    Rolls back on proof that the candidate is worse than `tolerance` times stable; lets it be
    promoted on proof that it is better than `ratio` times stable. `margin` loosens the second by
    an absolute amount, for services that hardly ever fail; for latency it loosens both, as few
    milliseconds are nobody's harm: whichever of factor and margin allows more counts.
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
    limit: Duration


METRICS = ("error-rate", "latency", "shadow-agreement")


class Check(Part):
    """One question asked of the observations."""

    name: Name
    metric: Literal["error-rate", "latency", "shadow-agreement"]
    worse_than_stable: WorseThanStable | None = None
    """Compares the arms; for error-rate and latency."""
    above: Annotated[float, Field(gt=0, lt=1)] | LatencyLimit | None = None
    """An absolute limit: a share for error-rate, `{quantile, limit}` for latency."""
    below: Annotated[float, Field(gt=0, lt=1)] | None = None
    """For shadow-agreement: the least share of equal answers."""
    required: bool = True
    """Whether promotion waits for this check's proof."""

    @model_validator(mode="before")
    @classmethod
    def _margin_is_a_share(cls, check: Any) -> Any:
        # A duration reads as a number too, so this must be asked of what the user wrote.
        if isinstance(check, dict) and check.get("metric") == "error-rate":
            comparison = check.get("worseThanStable")
            margin = comparison.get("margin") if isinstance(comparison, dict) else None
            if isinstance(margin, str):
                path = "worseThanStable.margin"
                raise RuleBroken([Fault(path, f"is {margin!r}", "a share", "margin: 0.005")])
        return check

    @model_validator(mode="after")
    def _fits_metric(self) -> Self:
        given = [
            name
            for name, value in (
                ("worseThanStable", self.worse_than_stable),
                ("above", self.above),
                ("below", self.below),
            )
            if value is not None
        ]
        fitting = ["below"] if self.metric == "shadow-agreement" else ["worseThanStable", "above"]
        examples = {
            "error-rate": "worseThanStable: {ratio: 1.5}",
            "latency": "worseThanStable: {ratio: 1.2, quantile: 0.95}",
            "shadow-agreement": "below: 0.97",
        }
        faults = []
        if len(given) != 1 or given[0] not in fitting:
            faults.append(
                Fault(
                    "",
                    f"a check of {self.metric} has {' and '.join(given) or 'no limit'}",
                    f"exactly one of {', '.join(fitting)}",
                    examples[self.metric],
                )
            )
        faults += self._value_faults()
        if faults:
            raise RuleBroken(faults)
        return self

    def _value_faults(self) -> list[Fault]:
        faults = []
        if self.metric == "error-rate" and isinstance(self.above, LatencyLimit):
            faults.append(Fault("above", "is a latency limit", "a share", "above: 0.02"))
        if self.metric == "latency" and isinstance(self.above, float):
            example = "above: {quantile: 0.95, limit: 250ms}"
            faults.append(Fault("above", "is a number", "a quantile and a limit", example))
        comparison = self.worse_than_stable
        if comparison is not None and self.metric == "error-rate":
            if comparison.quantile is not None:
                faults.append(
                    Fault("worseThanStable.quantile", "is set", "no quantile for error-rate")
                )
            if comparison.margin is not None and not 0 <= comparison.margin < 1:
                faults.append(
                    Fault("worseThanStable.margin", f"is {comparison.margin:g}", "a share", "0.005")
                )
        return faults


class Analysis(Part):
    """The checks and the rules around them."""

    interval: Duration = 15.0
    """Between two judgements; not shorter than Prometheus scrapes."""
    risk: Risk = Risk()
    checks: Annotated[list[Check], Field(min_length=1)]
    on_no_data: OnNoData = OnNoData.HOLD
    no_data_timeout: Duration = 300.0
    """How long a check may be without data before `onNoData` applies."""
    max_duration: Duration = 6 * 3600.0
    """After this `ifInconclusive` applies; time without data or in a pause does not count."""
    if_inconclusive: IfInconclusive = IfInconclusive.PAUSE
    mode: Mode = Mode.ENFORCE

    @model_validator(mode="after")
    def _names(self) -> Self:
        faults = []
        seen: dict[str, int] = {}
        for index, check in enumerate(self.checks):
            if check.name in seen:
                problem = f"{check.name!r} is also the name of checks[{seen[check.name]}]"
                faults.append(Fault(f"checks[{index}].name", problem, "names that differ"))
            seen.setdefault(check.name, index)
        if self.interval <= 0:
            faults.append(Fault("interval", "is zero", "a duration above zero", "interval: 15s"))
        if faults:
            raise RuleBroken(faults)
        return self
