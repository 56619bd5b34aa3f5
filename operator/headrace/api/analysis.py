"""The checks together: at which risk, and what missing numbers mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from headrace.api.check import Check
from headrace.api.fields import Duration, Part, RuleBroken
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


class Analysis(Part):
    """The checks and the rules around them."""

    interval: Duration = 15.0
    """Between two judgements; not shorter than Prometheus scrapes."""
    risk: Risk = Risk()
    """How often a check may be wrong, over the whole rollout."""
    checks: Annotated[list[Check], Field(min_length=1, max_length=50)]
    """The questions; each answers `Pass`, `Fail`, `Inconclusive`, `NoData` or `Error`."""
    on_no_data: OnNoData = OnNoData.HOLD
    """What happens when a check has had no data for `noDataTimeout`."""
    no_data_timeout: Duration = 300.0
    """How long a check may be without data before `onNoData` applies."""
    max_duration: Duration = 6 * 3600.0
    """After this `ifInconclusive` applies; time without data or in a pause does not count."""
    if_inconclusive: IfInconclusive = IfInconclusive.PAUSE
    """What happens at `maxDuration` when neither harm nor safety is proved."""
    mode: Mode = Mode.ENFORCE
    """`Observe` says, and never acts; `Advise` pauses; `Enforce` acts."""

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
