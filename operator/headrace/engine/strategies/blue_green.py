"""Blue/green: both versions stand ready, all users switch at once, and can switch back at once.

Before the switch the candidate gets copies, and the switch waits for the proof of the required
checks. An idle candidate proves nothing, so that there a person has to say so.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Analysis, BlueGreen, Traffic
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.steps import Step
from headrace.engine.strategies import proof
from headrace.engine.strategies.base import Scene, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueGreenStrategy(Strategy):
    """The strategy `blueGreen`; its time after the switch is that of every strategy."""

    def conclude(self, scene: Scene) -> Decision:
        """Switch on proof; without copies there is none, and a person decides."""
        held = format_duration(self.steps[0].hold)
        if self.steps[0].traffic.mirror:
            done = f"the copies were observed for {held}"
            return proof.promote_when_proved(scene, scene.arms[0], done)
        message = (
            f"the candidate has been ready for {held} without traffic, so that nothing is proved; "
            "it waits for `headrace promote`"
        )
        return Decision(Action.PAUSE, "NothingProved", message)

    def give_up(self, scene: Scene) -> Decision:
        """Pause or roll back, as the analysis wishes."""
        return proof.give_up(scene)


def blue_green_strategy(blue_green: BlueGreen, analysis: Analysis) -> BlueGreenStrategy:
    """Make the strategy from the spec."""
    before = blue_green.pre_promotion
    return BlueGreenStrategy(
        after=blue_green,
        max_duration=analysis.max_duration,
        steps=(Step(Traffic(stable=100, mirror=before.mirror), before.hold),),
    )
