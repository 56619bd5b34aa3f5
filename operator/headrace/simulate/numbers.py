"""Draws the numbers of a rollout's further checks, scrape by scrape."""

from __future__ import annotations

import numpy as np

from headrace.api import RolloutSpec
from headrace.engine.observations import Categories, MetricKey, Value
from headrace.simulate.families import TRAINING, Agreements, Bins, Family, Gauge, families_of
from headrace.simulate.scenario import Scenario
from headrace.simulate.traffic import Arm

_BESIDE_TRAFFIC = 1
"""Sets these draws apart from those of the traffic, which are so the same for all policies."""


class Numbers:
    """What one rollout's model servers, comparator and user count."""

    def __init__(self, spec: RolloutSpec, scenario: Scenario, seed: int, run: int) -> None:
        """Begin.

        Args:
            spec: For its checks, and the goal of an experiment.
            scenario: What happens.
            seed: Of the whole simulation.
            run: Which rollout of it.
        """
        self._families = families_of(spec)
        self._bad, self._well = scenario, scenario.before
        self._dice = np.random.default_rng([seed, run, _BESIDE_TRAFFIC])

    def of_stable(self, arm: Arm) -> dict[MetricKey, Value]:
        """Draw what stable did, by metric."""
        return {
            metric: self._draw(family, arm, self._well)
            for metric, family in self._families.items()
            if not isinstance(family, Agreements | Gauge)
        }

    def of_candidate(
        self, live: Arm | None, copied: Arm | None, *, bad: bool
    ) -> dict[MetricKey, Value]:
        """Draw what a candidate did, by metric.

        Args:
            live: Its requests, where it has users.
            copied: Where it gets copies.
            bad: Whether it has turned bad.
        """
        scenario = self._bad if bad else self._well
        arms = {metric: _seen(family, live, copied) for metric, family in self._families.items()}
        return {
            metric: self._draw(self._families[metric], arm, scenario)
            for metric, arm in arms.items()
            if arm is not None
        }

    def reference(self, metric: MetricKey) -> Categories | None:
        """Give the candidate's training data; None where a metric has none."""
        return TRAINING if isinstance(self._families.get(metric), Bins) else None

    def _draw(self, family: Family, arm: Arm, scenario: Scenario) -> Value:
        return family.draw(self._dice, int(arm.requests.total), scenario)


def _seen(family: Family, live: Arm | None, copied: Arm | None) -> Arm | None:
    """Give the requests that a family is about: copies change no counter of the user's."""
    if isinstance(family, Agreements):
        return copied
    return live or copied if isinstance(family, Bins | Gauge) else live
