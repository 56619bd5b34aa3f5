"""Shadow: copies of the traffic only, then promotion, a pause, or nothing more."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Analysis, Shadow, Then, Traffic
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.steps import Step
from headrace.engine.strategies import proof
from headrace.engine.strategies.base import Scene, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowStrategy(Strategy):
    """The strategy `shadow`.

    Attributes:
        then: What follows once the copies have been observed for long enough.
    """

    then: Then

    def conclude(self, scene: Scene) -> Decision:
        """Promote on proof, ask a person, or discard with what was found."""
        arm = scene.arms[0]
        done = f"the copies were observed for {format_duration(self.steps[0].hold)}"
        if self.then is Then.PROMOTE:
            return proof.promote_when_proved(scene, arm, done)
        found = "; ".join(f"{v.check}: {v.message}" for v in arm.judgement.verdicts)
        if self.then is Then.PAUSE:
            message = f"{done}; it waits for `headrace promote` or `headrace abort`: {found}"
            return Decision(Action.PAUSE, "ShadowHeld", message)
        return Decision(Action.DISCARD, "ShadowHeld", f"{done}, and that was all: {found}")

    def give_up(self, scene: Scene) -> Decision:
        """Pause or roll back, as the analysis wishes."""
        return proof.give_up(scene)


def shadow_strategy(shadow: Shadow, analysis: Analysis) -> ShadowStrategy:
    """Make the strategy from the spec.

    A shadow that only observes has the time that its user gave it, even if `maxDuration` is less.
    """
    return ShadowStrategy(
        after=shadow,
        max_duration=max(analysis.max_duration, 2 * shadow.hold),
        steps=(Step(Traffic(stable=100, mirror=shadow.mirror), shadow.hold),),
        then=shadow.then,
    )
