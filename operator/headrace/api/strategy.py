"""How a new version gets its traffic. Issue by issue more strategies join; today: canary."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from headrace.api.fields import Duration, Part, Percent, RuleBroken
from headrace.errors import Fault


class Approval(Part):
    """The rollout waits here until a person says `headrace promote`."""


class CanaryStep(Part):
    """One traffic assignment and how long it must hold: `mirror`, `weight` or `approval`."""

    mirror: Percent | None = None
    """Per cent of live requests copied to the candidate; its answers reach nobody."""
    weight: Percent | None = None
    """Per cent of live requests that the candidate answers."""
    hold: Duration | None = None
    """How long the assignment must have been observed before the next step."""
    approval: Approval | None = None
    """Waits for a person, with the traffic of the step before."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [k for k in ("mirror", "weight", "approval") if getattr(self, k) is not None]
        faults = []
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none of them"
            faults.append(
                Fault("", f"has {found}", "exactly one of mirror, weight, approval", "weight: 5")
            )
        elif kinds == ["approval"] and self.hold is not None:
            faults.append(Fault("hold", "an approval has no time", "no hold beside approval"))
        elif kinds != ["approval"] and not self.hold:
            problem = "is missing" if self.hold is None else "is zero"
            faults.append(Fault("hold", problem, "a duration above zero", "hold: 5m"))
        if faults:
            raise RuleBroken(faults)
        return self


class Canary(Part):
    """Shadow first if wished, then growing weights, then promotion on proof."""

    steps: Annotated[list[CanaryStep], Field(min_length=1)]
    """In order. Mirror steps come before weights; weights never fall."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        faults = []
        weight = 0
        for index, step in enumerate(self.steps):
            if step.mirror is not None and weight:
                faults.append(
                    Fault(f"steps[{index}].mirror", "comes after a weight", "mirror steps first")
                )
            if step.weight is not None:
                if step.weight < weight:
                    expected = f"at least {weight}, the weight before it"
                    faults.append(
                        Fault(f"steps[{index}].weight", f"falls to {step.weight}", expected)
                    )
                weight = max(weight, step.weight)
        if faults:
            raise RuleBroken(faults)
        return self


class Strategy(Part):
    """Exactly one strategy."""

    canary: Canary
