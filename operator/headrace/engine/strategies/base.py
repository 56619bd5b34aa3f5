"""What a strategy is to the step machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from headrace.api import Analysis, ModelSpec, Promotes, Status, Traffic
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.decision import Decision
from headrace.engine.judgement import Judgement
from headrace.engine.observations import Metric, Observations
from headrace.engine.steps import Step, traffic_at


@dataclass(frozen=True, slots=True)
class Arm:
    """A candidate that is still in the test, and what its checks say."""

    model: ModelSpec
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a rule may look at.

    Attributes:
        analysis: Policies and timeouts; its risk is that of one comparison.
        checks: The checks of the spec.
        status: With the judgements' statuses and the time held.
        arms: The candidates that were not dropped, at least one.
        now: Unix seconds.
    """

    analysis: Analysis
    checks: tuple[SequentialCheck, ...]
    status: Status
    arms: tuple[Arm, ...]
    now: float

    @property
    def required(self) -> frozenset[str]:
        """The checks that promotion waits for."""
        return frozenset(check.name for check in self.checks if check.required)

    @property
    def suspects(self) -> tuple[Arm, ...]:
        """The candidates whose harm is half proved."""
        return tuple(arm for arm in self.arms if arm.judgement.suspicious)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy(ABC):
    """How a new version gets its traffic, and how that ends.

    Attributes:
        after: What happens after the switch.
        max_duration: Observed seconds after which it gives up.
        steps: In order; may be empty.
    """

    after: Promotes
    max_duration: float
    steps: tuple[Step, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Name the metrics that it needs beside those of the checks."""
        return ()

    @property
    def sticky(self) -> bool:
        """Whether a user must stay with the arm that answered first."""
        return False

    def traffic(self, status: Status) -> Traffic:
        """Give the traffic that should be carried now."""
        return traffic_at(self.steps, status.step)

    def learn(self, status: Status, observations: Observations, now: float) -> Status:
        """Use what was observed, once, beside what the checks use."""
        return status

    def early(self, scene: Scene) -> str:
        """Say in a sentence why the current step may end before its time; empty if it may not."""
        return ""

    def favourite(self, status: Status) -> str:
        """Name the candidate that a person's `headrace promote` means; empty for the first."""
        return ""

    @abstractmethod
    def conclude(self, scene: Scene) -> Decision:
        """Decide once all steps have held; nobody failed, and everything is seen."""

    @abstractmethod
    def give_up(self, scene: Scene) -> Decision:
        """Decide when the time is up."""
