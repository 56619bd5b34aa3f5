"""How a new version gets its traffic: canary, shadow, blue/green, A/B or bandit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from headrace.api.fields import Duration, Part, Percent, RuleBroken
from headrace.errors import Fault


def _hold_fault(hold: float | None, path: str = "hold") -> list[Fault]:
    if hold:
        return []
    problem = "is missing" if hold is None else "is zero"
    return [Fault(path, problem, "a duration above zero", f"{path}: 5m")]


class Hold(Part):
    """A time for which something must have been observed."""

    hold: Duration
    """How long it must have been observed; above zero."""

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if faults := _hold_fault(self.hold):
            raise RuleBroken(faults)
        return self


class Promotes(Part):
    """What every strategy may say about the time after the switch."""

    post_promotion: Hold | None = None
    """The checks go on for so long after the switch, against what stable did before, and can
    still roll back; the previous version is kept running meanwhile."""
    keep_previous: Duration = 0.0
    """How long the previous version's servers run on after that: `headrace abort` is then an
    instant way back."""


class Approval(Part):
    """The rollout waits here until a person says `headrace promote`."""


class CanaryStep(Part):
    """What the candidate gets and for how long: `mirror`, `weight`, `analysis` or `approval`."""

    mirror: Percent | None = None
    """Per cent of live requests copied to the candidate; its answers reach nobody."""
    weight: Percent | None = None
    """Per cent of live requests that the candidate answers."""
    hold: Duration | None = None
    """How long the assignment must have been observed before the next step."""
    analysis: Duration | None = None
    """Observes for so long with the traffic of the step before; a `ramp` never shortens it."""
    approval: Approval | None = None
    """Waits for a person, with the traffic of the step before."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        names = ("mirror", "weight", "analysis", "approval")
        kinds = [k for k in names if getattr(self, k) is not None]
        faults = []
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none of them"
            expected = f"exactly one of {', '.join(names)}"
            faults.append(Fault("", f"has {found}", expected, "weight: 5"))
        elif kinds == ["approval"]:
            if self.hold is not None:
                faults.append(Fault("hold", "an approval has no time", "no hold beside approval"))
        elif kinds == ["analysis"]:
            faults += _hold_fault(self.analysis, "analysis")
            if self.hold is not None:
                problem = "an analysis step has its time already"
                faults.append(Fault("hold", problem, "no hold beside analysis", "analysis: 10m"))
        else:
            faults += _hold_fault(self.hold)
        if faults:
            raise RuleBroken(faults)
        return self


class Ramp(Part):
    """Lets a step end before its `hold` when the next weight is shown to be affordable."""

    bad_requests: Annotated[int, Field(ge=1)]
    """How many more requests than with stable may fail during the next step, at worst."""


class Canary(Promotes):
    """Shadow first if wished, then growing weights, then promotion on proof."""

    steps: Annotated[list[CanaryStep], Field(min_length=1, max_length=50)]
    """In order. Mirror steps come before weights; weights never fall."""
    ramp: Ramp | None = None
    """Faster where the evidence allows it; the last step is never shortened."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        faults = []
        weight = 0
        if self.steps[0].analysis is not None:
            problem = "is the first step, when the candidate has nothing to be observed by"
            faults.append(Fault("steps[0].analysis", problem, "a mirror or weight step before it"))
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


class Then(StrEnum):
    """What follows when a shadow has held."""

    PROMOTE = "Promote"
    PAUSE = "Pause"
    DISCARD = "Discard"


class Shadow(Promotes):
    """Copies of the traffic only; no user is served by the candidate before the end."""

    mirror: Percent = 100
    """Per cent of live requests copied to the candidate."""
    hold: Duration
    """How long the copies must have been observed."""
    then: Then = Then.PAUSE
    """`Promote` on the proof of every required check, `Pause` for a person, or `Discard`."""

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if faults := _hold_fault(self.hold):
            raise RuleBroken(faults)
        return self


class PrePromotion(Hold):
    """The time before the switch."""

    mirror: Annotated[int, Field(ge=0, le=100, strict=True)] = 100
    """Per cent of live requests copied to the candidate; 0 leaves it idle, and as nothing is
    then proved, the switch waits for `headrace promote`."""


class BlueGreen(Promotes):
    """Both versions stand ready; all users switch at once, and can switch back at once."""

    pre_promotion: PrePromotion
    """What happens before the switch."""
    keep_previous: Duration = 3600.0
    """How long the previous version's servers run on: `headrace abort` is an instant way back."""


class IfUndecided(StrEnum):
    """What happens when an experiment's time is up without a winner."""

    KEEP_STABLE = "KeepStable"
    PAUSE = "Pause"
    PROMOTE = "Promote"
    """The one that did best so far, provided that its required checks are proved."""


class AbTest(Promotes):
    """Users are split, each stays with its arm, and the arm that earns more wins."""

    split: Annotated[int, Field(ge=1, le=99, strict=True)] | None = None
    """Per cent of live requests for all candidates together, shared out evenly; by default every
    arm gets the same."""
    goal: Literal["reward"]
    """What is compared: the mean reward of an answer, from 0 to 1."""
    minimum_effect: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """The smallest gain in the goal that is worth a change; once every candidate is proved to
    gain less, the test ends without a winner."""
    segments: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=63)] | None = (
        None
    )
    """The tag of feedback's requests, such as `country`, by which the goal is also reported. It
    decides nothing."""
    hold: Duration = 0.0
    """How long the arms must have been observed before a winner is declared: whole weeks, where
    weekdays differ."""
    max_duration: Duration = 14 * 86400.0
    """After this `ifInconclusive` applies."""
    if_inconclusive: IfUndecided = IfUndecided.KEEP_STABLE
    """What happens when the time is up without a winner."""


class Stop(Part):
    """When a bandit stops learning; either is enough. Neither claims that the arm is better."""

    expected_loss: Annotated[float, Field(gt=0, lt=1)] | None = None
    """What choosing the leading arm is expected to lose, as a share of the best arm's reward."""
    probability_best: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    """Posterior probability that the leading arm is the best one."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.expected_loss is None and self.probability_best is None:
            expected = "expectedLoss, probabilityBest or both"
            raise RuleBroken([Fault("", "has neither", expected, "expectedLoss: 0.001")])
        return self


class Bandit(Promotes):
    """Traffic follows the reward: arms that earn more get more, all keep at least the floor."""

    reward: Literal["reward"]
    """What is maximised: the mean reward of an answer, from 0 to 1."""
    policy: Literal["ThompsonSampling"] = "ThompsonSampling"
    """How weights follow from rewards."""
    floor: Annotated[int, Field(ge=1, le=50, strict=True)] = 5
    """Per cent that every arm keeps; decides what learning costs, and what can be proved."""
    update: Duration = 300.0
    """Between two changes of the weights."""
    decay: Duration | None = None
    """Half-life of what was learned, where the best arm may change; none forgets nothing."""
    stop: Stop = Stop(expected_loss=0.001)
    """When it has learned enough."""
    max_duration: Duration = 7 * 86400.0
    """After this `ifInconclusive` applies."""
    if_inconclusive: IfUndecided = IfUndecided.KEEP_STABLE
    """What happens when the time is up and it has not stopped."""

    @model_validator(mode="after")
    def _times(self) -> Self:
        faults = _hold_fault(self.update, "update")
        if self.decay is not None:
            faults += _hold_fault(self.decay, "decay")
        if faults:
            raise RuleBroken(faults)
        return self


_KINDS = ("canary", "shadow", "blue_green", "ab_test", "bandit")
_NAMES = "canary, shadow, blueGreen, abTest, bandit"


class Strategy(Part):
    """Exactly one strategy."""

    canary: Canary | None = None
    """Growing weights, after copies of the traffic if wished."""
    shadow: Shadow | None = None
    """Copies of the traffic only."""
    blue_green: BlueGreen | None = None
    """Both versions stand ready, and all users switch at once."""
    ab_test: AbTest | None = None
    """Users are split, and the version that earns more wins."""
    bandit: Bandit | None = None
    """Traffic follows the reward."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            names = [type(self).model_fields[kind].alias or kind for kind in given]
            found = " and ".join(names) or "none"
            raise RuleBroken([Fault("", f"has {found}", f"exactly one of {_NAMES}")])
        return self

    @property
    def chosen(self) -> Canary | Shadow | BlueGreen | AbTest | Bandit:
        """The one that is given."""
        found = self.canary or self.shadow or self.blue_green or self.ab_test or self.bandit
        assert found is not None, "the schema asks for exactly one"
        return found

    @property
    def segments(self) -> str | None:
        """The tag by which rewards are counted apart; None where they are not."""
        return None if self.ab_test is None else self.ab_test.segments
