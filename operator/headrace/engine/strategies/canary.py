"""Canary: shadow if wished, growing weights, approvals, promotion on proof.

With `ramp` a step may end before its time, once the evidence bounds what the next one can cost::

    bad = (upper bound of the candidate's error rate - lower bound of stable's)
          * requests that the next weight gives the candidate within the next step's time

fits the budget. Both bounds are anytime-valid, so that looking at every scrape is no harm. A ramp
is never slower than the schedule and never overrules what the machine asks first: a failed check,
missing data, harm that is half proved. The last step is never shortened, nor an analysis step:
some regressions need time to show, whatever the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from headrace.api import Analysis, Canary, Traffic
from headrace.api.check import Check
from headrace.engine.decision import Decision
from headrace.engine.steps import ALL_STABLE, Step, describe
from headrace.engine.strategies import proof
from headrace.engine.strategies.base import Scene, Strategy

_Given = tuple[int | None, int | None, float | None, float | None, bool]
"""Weight, mirror, hold, analysis, and whether it waits for a person."""


def steps_of(canary: Canary) -> tuple[Step, ...]:
    """Give the steps; approvals and analyses have the traffic of the step before."""
    # Plain values are hashed in a tenth of the time that the steps themselves would take.
    return _made(
        tuple(
            [
                (step.weight, step.mirror, step.hold, step.analysis, step.approval is not None)
                for step in canary.steps
            ]
        )
    )


@lru_cache(maxsize=2048)
def _made(given: tuple[_Given, ...]) -> tuple[Step, ...]:
    """Make the steps: values, so that those of the last tick do as well."""
    steps: list[Step] = []
    traffic = ALL_STABLE
    for weight, mirror, hold, analysis, approval in given:
        if weight is not None:
            traffic = Traffic(stable=100 - weight, candidate=weight)
        elif mirror is not None:
            traffic = Traffic(stable=100, mirror=mirror)
        time = analysis if hold is None else hold
        steps.append(Step(traffic, time or 0.0, approval=approval, fixed=analysis is not None))
    return tuple(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStrategy(Strategy):
    """The strategy `canary`.

    Attributes:
        budget: How many more requests than with stable may fail during the next step, at worst;
            None without a ramp.
        compared: Names of the checks whose figures bound that.
    """

    budget: int | None
    compared: frozenset[str]

    def early(self, scene: Scene) -> str:
        """Say why the next weight is affordable before its time; empty if it is not shown."""
        index = scene.status.step
        if self.budget is None or index + 1 >= len(self.steps):
            return ""
        here, following = self.steps[index], self.steps[index + 1]
        if here.fixed or here.approval or following.fixed or following.approval:
            return ""
        worst = excess_errors(scene, self.compared)
        expected = requests_per_second(scene) * following.hold * following.traffic.live / 100
        if worst is None or not expected:
            return ""
        bad = worst * expected
        if bad > self.budget:
            return ""
        gets = describe(following.traffic)
        return f"{gets} can cost at most {bad:.0f} bad requests, and {self.budget} are allowed"

    def conclude(self, scene: Scene) -> Decision:
        """Promote on proof."""
        return proof.promote_when_proved(scene, scene.arms[0], "all steps have held")

    def give_up(self, scene: Scene) -> Decision:
        """Pause or roll back, as the analysis wishes."""
        return proof.give_up(scene)


def canary_strategy(canary: Canary, analysis: Analysis) -> CanaryStrategy:
    """Make the strategy from the spec."""
    return CanaryStrategy(
        after=canary,
        max_duration=analysis.max_duration,
        steps=steps_of(canary),
        budget=None if canary.ramp is None else canary.ramp.bad_requests,
        compared=frozenset(check.name for check in analysis.checks if _compares_errors(check)),
    )


def _compares_errors(check: Check) -> bool:
    return check.metric == "error-rate" and check.worse_than_stable is not None


def excess_errors(scene: Scene, compared: frozenset[str]) -> float | None:
    """Bound from above by how much the candidate's error rate is higher than stable's.

    Returns:
        A share, >= 0; the largest of the checks'. None while one of them has no figures.
    """
    bounds = []
    for check in scene.status.checks:
        if check.name in compared:
            if check.stable is None or check.candidate is None:
                return None
            bounds.append(max(0.0, check.candidate.high - check.stable.low))
    return max(bounds, default=None)


def requests_per_second(scene: Scene) -> float:
    """Give the rate of live requests of all arms since the rollout began."""
    status = scene.status
    seconds = scene.now - (scene.now if status.started is None else status.started)
    live = status.requests.stable + status.requests.candidate
    return live / seconds if seconds > 0 else 0.0
