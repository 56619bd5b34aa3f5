"""Rollouts and a small world to run them in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from headrace.api import ModelRollout, Status, parse_rollout
from headrace.api.freeze import frozen
from headrace.controller.tick import tick
from headrace.engine.decision import Tick
from headrace.engine.gates import GateAnswer, Opening
from headrace.engine.observations import Ask, Wish
from headrace.testing import FakeClock, FakeMetrics, FakePlatform, Script

STEPS = "[{mirror: 100, hold: 60s}, {weight: 5, hold: 60s}, {weight: 50, hold: 60s}]"
CHECKS = "[{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]"


def model_of(version: str) -> str:
    """Give the model of a version as YAML."""
    return (
        f'{{name: flight-delay, version: "{version}", uri: "file:///models/{version}", '
        f"digest: sha256:{version.zfill(64)}}}"
    )


def rollout(
    version: str = "2",
    *,
    steps: str = STEPS,
    checks: str = CHECKS,
    more: str = "",
    strategy: str = "",
    challengers: str = "",
) -> ModelRollout:
    """Give a rollout that wants this version; `challengers` has a character for each."""
    strategy = strategy or f"canary: {{steps: {steps}}}"
    return parse_rollout(f"""
metadata: {{name: flight-delay, namespace: models}}
spec:
  model: {model_of(version)}
  challengers: [{", ".join(map(model_of, challengers))}]
  strategy: {{{strategy}}}
  analysis: {{interval: 15s, noDataTimeout: 2m, checks: {checks}{more}}}
""")


@dataclass
class World:
    """A rollout, its fakes and a clock: one tick is one interval of the analysis."""

    rollout: ModelRollout
    clock: FakeClock = field(default_factory=FakeClock)
    platform: FakePlatform = field(default_factory=FakePlatform)
    openings: dict[str, Opening] = field(default_factory=dict)
    """What every gate says one tick after it was asked; one that is not in it says nothing."""
    deleting: float | None = None
    told: frozenset[str] = frozenset()
    telling: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.metrics = FakeMetrics(self.platform, Script(requests=600.0, stable_errors=0.01))
        self.metrics.script.candidate_errors = 0.01
        self.answers: dict[str, GateAnswer] = {}

    @property
    def status(self) -> Status:
        return self.rollout.status

    def ask(self, wish: Wish) -> Tick:
        return self.tick(Ask(wish, f"{wish}-{self.clock.now}", "ada"))

    def tick(self, ask: Ask | None = None) -> Tick:
        now = self.clock.advance(self.rollout.spec.analysis.interval)
        answer = tick(
            self.rollout,
            self.metrics,
            self.platform,
            now,
            ask,
            beside=lambda observations: replace(
                observations,
                frozen=frozen(self.rollout.spec.freeze, now),
                gates=self.answers,
                generation=self.rollout.metadata.generation,
                told=self.told,
                telling=self.telling,
                deleting=self.deleting,
            ),
        )
        self.answers = {
            question.gate: GateAnswer(question, self.openings[question.gate], "it says so")
            for question in answer.questions
            if question.gate in self.openings
        }
        # Through JSON at every tick, as a controller that is restarted every time would see it.
        status = Status.model_validate_json(answer.status.model_dump_json())
        assert status == answer.status
        self.rollout = self.rollout.model_copy(update={"status": status})
        return answer

    def until(self, *reasons: str, most: int = 400) -> Tick:
        """Tick until the decision has one of these reasons."""
        seen = []
        for _ in range(most):
            answer = self.tick()
            seen.append(answer.decision.reason)
            if answer.decision.reason in reasons:
                return answer
        raise AssertionError(f"none of {reasons} in {sorted(set(seen))}; last: {answer.decision}")

    def edit(self, **spec: object) -> None:
        """Change fields of the spec."""
        changed = self.rollout.spec.model_copy(update=spec)
        self.rollout = self.rollout.model_copy(update={"spec": changed})

    def want(self, version: str, challengers: str = "") -> None:
        model, *others = (rollout(name).spec.model for name in (version, *challengers))
        self.edit(model=model, challengers=others)


def live(version: str = "1", **keywords: str) -> World:
    """Give a world where a version is live already."""
    world = World(rollout(version, **keywords))
    world.until("FirstVersionLive")
    world.until("Live")
    return world


def under_test() -> World:
    """Give a world where version 2 has held its first step beside the live version 1."""
    world = live()
    world.want("2")
    world.until("StepHeld")
    return world
