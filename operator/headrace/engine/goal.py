"""Which arm earns more: an e-process for each ordered pair, and one for "no gain worth a change".

For arms i and j with rewards in [0, 1], every block of rewards gives a GRO e-value against "i
earns no more than j", a mixture over how much more it earns. It stays valid however often one
looks, whatever weights the arms have had (they are chosen from the past), and when the mean
reward of all arms changes with the time of day, because a block compares what was earned at the
same time. "i is the best" is said when its evidence against each other arm reaches
`(candidates) / delta`. So with probability at most delta an arm is ever called the best though
another earns more, as each of the others would have to beat that one; and with probability at
most delta a candidate is, though it earns no more than stable. Where all arms are exactly equal,
one of them is called the best with probability at most `delta (1 + 1 / candidates)`.

The other way round, an affine e-value against "the candidate earns `minimumEffect` more than
stable, or better" proves that a change is not worth it.

Rewards that differ in size are treated like shares, which is valid for all of [0, 1] (the e-value
is convex in the reward, so that 0 and 1 are the worst case) and costs time where they differ
little. Dispersion comes from stable's rewards before the test.

All arms are cut at the same moments, and a block is learned from after it was judged. So the
evidence is the same to the bit whether the blocks come one by one or, after a restart, together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from headrace.api import Goal, Rewards, Status
from headrace.api.packed import Packed
from headrace.engine.checks.reference import FailureReference
from headrace.engine.kernels.affine import log_affine
from headrace.engine.kernels.gro import log_gro
from headrace.engine.kernels.mixture import grown, log_mean
from headrace.engine.kernels.one_sample import odds_times
from headrace.engine.observations import Counts, Metric, Observations, Sums
from headrace.engine.rewards import candidates_of, cuts, rewards_of, sums

EFFECTS = (1.04, 1.1, 1.2, 1.4, 1.8, 3.0)
"""How many times the other arm's odds of a reward."""
_LOG_WEIGHTS = tuple(map(math.log, (0.15, 0.2, 0.25, 0.2, 0.12, 0.08)))

_GAINS = (0.5, 0.0, -0.5, -1.5)
"""What a candidate that is not worth it gains, in units of the smallest gain that is."""
_LOG_GAIN_WEIGHTS = tuple(map(math.log, (0.2, 0.5, 0.2, 0.1)))

_PRIOR = 50.0
"""Rewards that a guess from before the test counts for."""


def learn(status: Status, observations: Observations, minimum_effect: float | None) -> Goal:
    """Use fresh rewards, each once.

    Args:
        status: With the goal so far, and the candidates.
        observations: Fresh intervals.
        minimum_effect: The smallest gain that is worth a change; None if that is not asked.
    """
    goal = status.goal or Goal()
    stable = status.stable
    assert stable is not None
    tests = _Tests(goal.state.opened(), {arm.version: (arm.count, arm.total) for arm in goal.arms})
    until = goal.observed_until
    versions = tuple(candidates_of(status))
    for end, block in cuts(Metric.REWARD, sums, status, observations.intervals):
        candidates = [version for version in versions if version in block]
        other = block.get(stable.version)
        if not candidates and until is None:
            tests.learn_history(other)
            continue
        if candidates:
            until = max(until or 0.0, end)
        for one, two in combinations([v for v in (*versions, stable.version) if v in block], 2):
            tests.compare(one, block[one], two, block[two])
        if minimum_effect is not None and other is not None:
            for version in candidates:
                tests.bound_gain(version, block[version], stable.version, other, minimum_effect)
        for version, more in block.items():
            tests.count(version, more)
    arms = [tests.rewards(version) for version in (stable.version, *versions)]
    return Goal(arms=arms, observed_until=until, state=Packed(tests.state))


def evidence_better(goal: Goal | None, arm: str, other: str) -> float:
    """Give the logarithm of the evidence that one arm earns more than another."""
    better: Mapping[str, Any] = goal.state.get("better", {}) if goal else {}
    return log_mean(better.get(f"{arm} {other}", []), _LOG_WEIGHTS)


def evidence_small(goal: Goal | None, arm: str) -> float:
    """Give the logarithm of the evidence that a candidate's gain is not worth a change."""
    small: Mapping[str, Any] = goal.state.get("small", {}) if goal else {}
    return log_mean(small.get(arm, []), _LOG_GAIN_WEIGHTS)


def best_of(goal: Goal | None, arms: Sequence[str], limit: float) -> str | None:
    """Give the arm that is proved to earn more than each of the others.

    Args:
        goal: What was learned.
        arms: Those that still take part.
        limit: What the logarithm of the evidence must reach, `ln(candidates / delta)`.
    """
    for arm in arms:
        if all(evidence_better(goal, arm, other) >= limit for other in arms if other != arm):
            return arm
    return None


class _Tests:
    """The tests between the arms, while a tick's rewards are used."""

    def __init__(self, state: Mapping[str, Any], totals: Mapping[str, tuple[float, float]]) -> None:
        reference = state.get("reference")
        self._reference = (
            FailureReference() if reference is None else FailureReference.from_json(reference)
        )
        self._better = dict(state.get("better", {}))
        self._small = dict(state.get("small", {}))
        self._totals = dict(totals)

    @property
    def state(self) -> dict[str, Any]:
        return {
            "reference": self._reference.to_json(),
            "better": self._better,
            "small": self._small,
        }

    def learn_history(self, stable: Sums | None) -> None:
        if stable is not None and self._reference.scatter is not None:
            self._reference = self._reference.learned(Counts(stable.sum, stable.count))

    def compare(self, one: str, x: Sums, two: str, y: Sums) -> None:
        """Use one block for both orders of a pair."""
        phi = self._tempering(x, y)
        for arm, mine, other, theirs in ((one, x, two, y), (two, y, one, x)):
            base = self._guess(other)
            steps = [
                log_gro(mine.sum, mine.count, theirs.sum, theirs.count, share, base)
                for share in (odds_times(base, effect) for effect in EFFECTS)
            ]
            pair = f"{arm} {other}"
            self._better[pair] = grown(self._better.get(pair, []), steps, phi)

    def bound_gain(self, version: str, x: Sums, stable: str, y: Sums, least: float) -> None:
        """Use one block against "gains at least so much"."""
        base = self._guess(stable)
        steps = []
        for gain in _GAINS:
            share = min(max(base + gain * least, base / 2), 0.995)
            if share >= base + least:
                steps.append(0.0)
                continue
            steps.append(log_affine(x.sum, x.count, y.sum, y.count, share, base, least, 1.0))
        self._small[version] = grown(self._small.get(version, []), steps, self._tempering(x, y))

    def count(self, version: str, more: Sums) -> None:
        count, total = self._totals.get(version, (0.0, 0.0))
        self._totals[version] = (count + more.count, total + more.sum)

    def rewards(self, version: str) -> Rewards:
        total = Sums(*self._totals.get(version, (0.0, 0.0)))
        return rewards_of(version, total, self._reference.dispersion.short)

    def _tempering(self, x: Sums, y: Sums) -> float:
        self._reference = self._reference.fixed()
        return self._reference.dispersion.tempering(x.count, y.count)

    def _guess(self, version: str) -> float:
        count, total = self._totals.get(version, (0.0, 0.0))
        return (total + _PRIOR * self._reference.share) / (count + _PRIOR)
