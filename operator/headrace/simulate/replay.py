"""A rollout on recorded traffic: what the engine would have decided, had it been there.

The tick is the controller's and the counters go through the same increments as those of a live
Prometheus. The platform does as it is told at once. The traffic was what it was: a plan that asks
for other weights than were carried changes nothing of it, so both are kept side by side.
"""

from __future__ import annotations

from collections.abc import Iterator

from headrace.api import ModelRollout, Phase, Status, TickRecord, Traffic
from headrace.api.fields import milliseconds
from headrace.controller.records import record
from headrace.controller.tick import tick
from headrace.engine.decision import Action
from headrace.engine.observations import Ask, VersionState, Wish, World
from headrace.engine.plan import Plan
from headrace.metrics.source import Metrics
from headrace.runtime.platform import Platform
from headrace.simulate.unattended import unattended

BEFORE = 2
"""Ticks before the candidate's first requests at which a replay begins: one starts the rollout,
one asks for the first step, and then its traffic is there."""


class ObedientPlatform:
    """Carries every plan out at once, and all servers are ready."""

    def __init__(self) -> None:
        self._plan: Plan | None = None

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Take a plan for carried out."""
        before, self._plan = self._plan, plan
        return plan != before

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        """Take a plan for carried out."""
        self._plan = plan

    def observe(self, rollout: ModelRollout) -> World:
        """Show the last plan as done."""
        if self._plan is None:
            return World(traffic=Traffic(stable=100))
        wanted = rollout.spec.serving.replicas
        ready = VersionState(wanted=wanted, ready=wanted)
        versions = {model.version: ready for model in self._plan.versions}
        return World(versions=versions, traffic=self._plan.traffic)


def begun(rollout: ModelRollout, stable: str) -> ModelRollout:
    """Give a rollout whose stable version is live and that has not seen its candidates yet."""
    named = {model.version: model for model in rollout.spec.versions}
    before = rollout.spec.model.model_copy(update={"version": stable})
    status = Status(phase=Phase.HEALTHY, stable=named.get(stable, before))
    return rollout.model_copy(update={"spec": unattended(rollout.spec), "status": status})


class Replay:
    """One rollout, tick by tick.

    Attributes:
        rollout: With the status after the last tick.
        now: Of the next tick, Unix seconds.
    """

    def __init__(
        self, rollout: ModelRollout, metrics: Metrics, platform: Platform, now: float
    ) -> None:
        """Begin, or go on from where a status says.

        Args:
            rollout: With its status; see `begun`.
            metrics: What was recorded.
            platform: Where the versions are.
            now: Of the first tick, Unix seconds.
        """
        self.rollout, self.now = rollout, now
        self._metrics, self._platform = metrics, platform
        self._ask: Ask | None = None

    def tick(self) -> TickRecord:
        """Decide at the next moment."""
        answer = tick(self.rollout, self._metrics, self._platform, self.now, self._ask)
        self.rollout = self.rollout.model_copy(update={"status": answer.status})
        line = record(self.rollout, answer, self.now)
        approval = answer.decision.reason == "WaitingForApproval"
        self._ask = Ask(Wish.PROMOTE, f"replay-{self.now}", "replay") if approval else None
        self.now = milliseconds(self.now + self.rollout.spec.analysis.interval)
        return line

    def until(self, end: float) -> Iterator[TickRecord]:
        """Tick until it is decided, or waits for a person, or the recording is over."""
        while self.now <= end:
            line = self.tick()
            yield line
            if self._is_over(Action(line.action)):
                return

    def _is_over(self, action: Action) -> bool:
        if action is Action.PAUSE:
            return self._ask is None
        ending = self.rollout.status.ending
        watched = ending is not None and ending.hold > 0
        return action in (Action.PROMOTE, Action.ROLL_BACK, Action.DISCARD) and not watched
