"""Bandit: traffic follows the reward, while every arm keeps a floor.

Thompson sampling in batches: every `update` an arm's weight becomes the floor and its part of the
rest, by the probability that it is the best one. That probability is computed, not drawn, so that
the same rewards always give the same weights, before and after a restart. With `decay` what was
learned is forgotten with a half-life, for times in which the best arm may change.

It stops sending traffic to the others when the leading arm is expected to lose next to nothing.
That is harmless where it errs, and no claim: with equal arms a leader emerges by chance. "Earns
more" is said only on the evidence of `headrace.engine.goal`, which adaptive weights do not hurt,
and a low floor starves. The checks guard every arm, and the promotion needs their proof.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Bandit, IfUndecided, Learning, Rewards, Status, Traffic
from headrace.api.fields import parse_instant
from headrace.api.strategy import Stop
from headrace.engine.decision import Action, Decision
from headrace.engine.goal import learn
from headrace.engine.observations import Interval, Metric, Observations, Sums
from headrace.engine.posterior import believe
from headrace.engine.rewards import arms_of, candidates_of, intervals_of, sums
from headrace.engine.shares import evenly, whole
from headrace.engine.steps import traffic_of, withhold
from headrace.engine.strategies import experiment
from headrace.engine.strategies.base import Scene, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditStrategy(Strategy):
    """The strategy `bandit`.

    Attributes:
        floor: Per cent that every arm keeps.
        update: Seconds between two changes of the weights.
        decay: Half-life of what was learned, in seconds; None forgets nothing.
        stop: When it has learned enough.
        if_undecided: What happens when the time is up.
    """

    floor: int
    update: float
    decay: float | None
    stop: Stop
    if_undecided: IfUndecided

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Name the reward."""
        return (Metric.REWARD,)

    def traffic(self, status: Status) -> Traffic:
        """Give the weights of the last update; stable has those of dropped candidates."""
        learned = status.learning.weights if status.learning else {}
        weights = learned or evenly(100, _everyone(status))
        out = {dropped.version for dropped in status.dropped}
        return withhold(traffic_of(weights, status), status, out)

    def learn(self, status: Status, observations: Observations, now: float) -> Status:
        """Use fresh rewards, and make new weights where that is due."""
        status = status.model_copy(update={"goal": learn(status, observations, None)})
        learning = status.learning or Learning(updated=parse_instant(now))
        learning = learning.model_copy(
            update={"arms": _learned(status, learning, observations, self.decay)}
        )
        since = now if learning.updated is None else learning.updated
        if now - since >= self.update:
            learning = self._updated(status, learning, now)
        return status.model_copy(update={"learning": learning})

    def _updated(self, status: Status, learning: Learning, now: float) -> Learning:
        known = {arm.version: arm for arm in learning.arms}
        arms = arms_of(status)
        belief = believe([(known[arm].count, known[arm].total) for arm in arms])
        best = dict(zip(arms, belief.best, strict=True))
        return learning.model_copy(
            update={
                "weights": dict.fromkeys(_everyone(status), 0) | whole(best, self.floor),
                "updated": parse_instant(now),
                "probability_best": best,
                "expected_loss": dict(zip(arms, belief.loss, strict=True)),
            }
        )

    def favourite(self, status: Status) -> str:
        """Name the candidate that is most probably the best."""
        candidates = arms_of(status)[1:]
        learning = status.learning
        if learning is None or not learning.probability_best:
            return candidates[0]
        return max(candidates, key=lambda version: learning.probability_best.get(version, 0.0))

    def conclude(self, scene: Scene) -> Decision:
        """Stop when the leader is expected to lose next to nothing."""
        arms, learning = arms_of(scene.status), scene.status.learning
        known = learning.probability_best if learning else {}
        if learning is None or set(known) != set(arms):
            found = experiment.earned(scene.status.goal, arms)
            return Decision(Action.HOLD, "Learning", f"the arms have even weights: {found}")
        leader = max(arms, key=lambda version: known[version])
        told = (
            f"{leader} is the best with a probability of {known[leader]:.1%} and is expected to "
            f"lose {learning.expected_loss[leader]:.2%}"
        )
        found = experiment.earned(scene.status.goal, arms)
        if not self._stops(known[leader], learning.expected_loss[leader]):
            return Decision(Action.HOLD, "Learning", f"{told}: {found}")
        if leader == arms[0]:
            message = f"{told}, so that {leader} stays: {found}"
            return Decision(Action.DISCARD, "StableLeads", message)
        claim = experiment.better_than_stable(scene, leader)
        return experiment.promote(scene, leader, f"{told}; {claim} ({found})")

    def _stops(self, probability: float, loss: float) -> bool:
        stop = self.stop
        little = stop.expected_loss is not None and loss <= stop.expected_loss
        sure = stop.probability_best is not None and probability >= stop.probability_best
        return little or sure

    def give_up(self, scene: Scene) -> Decision:
        """Keep stable, pause, or promote who did best and is safe."""
        return experiment.give_up(scene, self.if_undecided, self.max_duration)


def bandit_strategy(bandit: Bandit) -> BanditStrategy:
    """Make the strategy from the spec."""
    return BanditStrategy(
        after=bandit,
        max_duration=bandit.max_duration,
        floor=bandit.floor,
        update=bandit.update,
        decay=bandit.decay,
        stop=bandit.stop,
        if_undecided=bandit.if_inconclusive,
    )


def _everyone(status: Status) -> tuple[str, ...]:
    assert status.stable is not None
    return (status.stable.version, *candidates_of(status))


def _learned(
    status: Status, learning: Learning, observations: Observations, half_life: float | None
) -> list[Rewards]:
    """Add fresh rewards to what is remembered; stable's come with the first candidate's."""
    stable, *versions = _everyone(status)
    known = {arm.version: Sums(arm.count, arm.total) for arm in learning.arms}
    started = 0.0 if status.started is None else status.started

    def remember(version: str, interval: Interval, more: Sums | None) -> None:
        before = known.get(version, Sums(0.0, 0.0))
        kept = 1.0 if half_life is None else 0.5 ** ((interval.end - interval.start) / half_life)
        more = more or Sums(0.0, 0.0)
        known[version] = Sums(before.count * kept + more.count, before.sum * kept + more.sum)

    challengers = candidates_of(status)
    for version in versions:
        for interval in intervals_of(Metric.REWARD, observations.intervals, challengers[version]):
            if interval.end <= started:
                continue
            remember(version, interval, sums(interval.candidate))
            if not challengers[version]:
                remember(stable, interval, sums(interval.stable))
    none = Sums(0.0, 0.0)
    return [
        Rewards(version=v, count=known.get(v, none).count, total=known.get(v, none).sum)
        for v in (stable, *versions)
    ]
