"""A rollout with every check of the catalogue, over random traffic that can be read again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headrace.api import ModelRollout, Status
from headrace.controller.tick import tick
from headrace.engine.decision import Tick
from headrace.engine.observations import Ask
from headrace.testing import FakeClock, FakePlatform
from tests.unit.engine.examples import SPECS
from tests.unit.engine.noise import NoisyMetrics
from tests.unit.engine.rollouts import rollout


def checks(names: Iterable[str] = ()) -> str:
    """Give checks of the catalogue as YAML, all without names; the limits fit healthy models."""
    wanted = set(names)
    fitting: dict[str, dict[str, Any]] = {
        "slo": {"above": 0.03},
        "fast": {"above": {"limit": "100ms"}},
        "tokens": {"above": 0.4},
        "trained": {"above": {"psi": 0.3}},
        "moved": {"above": {"moved": 0.2}},
        "distance": {"above": {"moved": 0.2}},
    }
    chosen = [
        spec | fitting.get(spec["name"], {})
        for spec in SPECS
        if not wanted or spec["name"] in wanted
    ]
    return json.dumps(chosen)


@dataclass
class NoisyWorld:
    """A rollout of version 2 (and others) beside the live version 1, with a controller to restart.

    Attributes:
        rollout: With the status that was written last.
    """

    rollout: ModelRollout
    seed: int = 0
    clock: FakeClock = field(default_factory=lambda: FakeClock(1_000_005.0))
    platform: FakePlatform = field(default_factory=FakePlatform)
    metrics: NoisyMetrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = NoisyMetrics(self.platform, self.seed)

    @property
    def status(self) -> Status:
        return self.rollout.status

    @property
    def interval(self) -> float:
        return self.rollout.spec.analysis.interval

    def pass_time(self) -> None:
        """Let one interval go by without a look."""
        self.metrics.carry(self.clock.advance(self.interval), self.interval)

    def tick(self, ask: Ask | None = None) -> Tick:
        """Let one interval go by and look, as a controller that has just been started."""
        self.pass_time()
        return self.look(ask)

    def look(self, ask: Ask | None = None) -> Tick:
        """Tick now."""
        answer = tick(self.rollout, self.metrics, self.platform, self.clock.now, ask)
        again = Status.model_validate_json(answer.status.model_dump_json())
        assert again == answer.status
        self.rollout = self.rollout.model_copy(update={"status": again})
        return answer

    def until(self, *reasons: str, most: int = 400) -> Tick:
        """Tick until the decision has one of these reasons."""
        for _ in range(most):
            answer = self.tick()
            if answer.decision.reason in reasons:
                return answer
        raise AssertionError(f"none of {reasons}; last: {answer.decision}")


def noisy(
    strategy: str, names: Iterable[str] = (), *, seed: int = 0, challengers: str = ""
) -> NoisyWorld:
    """Give a world where version 1 is live and version 2, with these challengers, is wanted."""
    first = rollout("1", strategy=strategy, checks=checks(names))
    world = NoisyWorld(first, seed)
    for _ in range(4):
        world.tick()
    wanted = rollout("2", strategy=strategy, checks=checks(names), challengers=challengers)
    world.rollout = wanted.model_copy(update={"status": world.status})
    return world
