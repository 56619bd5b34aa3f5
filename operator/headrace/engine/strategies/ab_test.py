"""A/B and A/B/n: users are split and stay with their arm; the arm that earns more wins.

It ends with a winner that is proved to earn more than every other arm, with the proof that no
candidate gains as much as a change is worth, or undecided when the time is up. The checks guard
every arm meanwhile: a candidate that fails one is dropped, and nobody is promoted without the
proof of the required ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import AbTest, IfUndecided, Status, Traffic
from headrace.api.fields import format_duration
from headrace.engine.decision import Action, Decision
from headrace.engine.goal import best_of, evidence_small, learn
from headrace.engine.observations import Metric, Observations
from headrace.engine.rewards import arms_of, candidates_of
from headrace.engine.segments import with_segments
from headrace.engine.shares import evenly
from headrace.engine.steps import traffic_of, withhold
from headrace.engine.strategies import experiment
from headrace.engine.strategies.base import Scene, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class AbTestStrategy(Strategy):
    """The strategy `abTest`.

    Attributes:
        split: Per cent for all candidates together; None gives every arm the same.
        least: The smallest gain that is worth a change.
        segmented: Whether the goal is also reported by segment.
        hold: Observed seconds before which nobody wins.
        if_undecided: What happens when the time is up.
    """

    split: int | None
    least: float
    segmented: bool
    hold: float
    if_undecided: IfUndecided

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Name the goal."""
        return (Metric.REWARD, Metric.SEGMENTS) if self.segmented else (Metric.REWARD,)

    @property
    def sticky(self) -> bool:
        """A user who changed arms would be counted for both."""
        return True

    def traffic(self, status: Status) -> Traffic:
        """Give every candidate the same; stable has those of dropped ones."""
        candidates = tuple(candidates_of(status))
        if self.split is None:
            assert status.stable is not None
            # Stable last, so that it has what rounding leaves to the candidates.
            weights = evenly(100, (*candidates, status.stable.version))
        else:
            weights = evenly(self.split, candidates)
        out = {dropped.version for dropped in status.dropped}
        return withhold(traffic_of(weights, status), status, out)

    def learn(self, status: Status, observations: Observations, now: float) -> Status:
        """Use fresh rewards."""
        goal = learn(status, observations, self.least)
        if self.segmented:
            goal = with_segments(goal, status, observations)
        return status.model_copy(update={"goal": goal})

    def favourite(self, status: Status) -> str:
        """Name the candidate that earned most."""
        return experiment.leading(status, arms_of(status)[1:])

    def conclude(self, scene: Scene) -> Decision:
        """Find a winner, or that there is none worth a change."""
        goal, arms, limit = scene.status.goal, arms_of(scene.status), experiment.limit_of(scene)
        found = experiment.earned(goal, arms)
        if scene.status.held < self.hold:
            left = format_duration(max(1.0, round(self.hold - scene.status.held)))
            return Decision(Action.HOLD, "Comparing", f"{left} to go; {found}")
        winner = best_of(goal, arms, limit)
        if winner == arms[0]:
            message = f"{winner} is proved to earn more than every candidate: {found}"
            return Decision(Action.DISCARD, "StableWins", message)
        if winner is not None:
            done = f"{winner} is proved to earn more than every other version ({found})"
            return experiment.promote(scene, winner, done)
        if all(evidence_small(goal, version) >= limit for version in arms[1:]):
            message = f"no candidate gains {self.least:g} or more, which is proved: {found}"
            return Decision(Action.DISCARD, "NoGainWorthAChange", message)
        return Decision(Action.HOLD, "Comparing", f"no winner yet: {found}")

    def give_up(self, scene: Scene) -> Decision:
        """Keep stable, pause, or promote who did best and is safe."""
        return experiment.give_up(scene, self.if_undecided, self.max_duration)


def ab_test_strategy(test: AbTest) -> AbTestStrategy:
    """Make the strategy from the spec."""
    return AbTestStrategy(
        after=test,
        max_duration=test.max_duration,
        split=test.split,
        least=test.minimum_effect,
        segmented=test.segments is not None,
        hold=test.hold,
        if_undecided=test.if_inconclusive,
    )
