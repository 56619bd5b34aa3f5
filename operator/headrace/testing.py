"""Fakes of the two seams, for our own unit tests and for users' tests of their rollouts.

`FakePlatform` carries out every plan at once; `FakeMetrics` says what a script tells it to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.api import ModelRollout, Traffic
from headrace.engine.adoption import serving_in
from headrace.engine.observations import (
    Counts,
    Interval,
    Metric,
    MetricKey,
    Problem,
    Segments,
    Sums,
    Value,
    VersionState,
    World,
)
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from headrace.metrics.source import Measured, Request

SCRIPTED = (Metric.REQUESTS, Metric.MIRRORED, Metric.REWARD, Metric.SEGMENTS)
"""What a script says something of."""


@dataclass
class FakeClock:
    """Time that moves when told to."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """Give the time, Unix seconds."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move on and give the new time."""
        self.now += seconds
        return self.now


@dataclass
class FakePlatform:
    """Does as the plan says, unless told to be slow, broken or unable.

    Attributes:
        plans: Every plan that was applied, in order, without repetitions.
        down: A sentence while the platform cannot be reached.
        slow: While true, new plans do not change the traffic.
        states: States of versions that are not just ready.
    """

    plans: list[Plan] = field(default_factory=list)
    down: str = ""
    slow: bool = False
    states: dict[str, VersionState] = field(default_factory=dict)
    traffic: Traffic | None = None

    @property
    def candidate(self) -> str:
        """The first candidate of the last plan; empty where there is none."""
        last = self.plans[-1].candidate if self.plans else None
        return "" if last is None else last.version

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Carry out a plan."""
        if self.down:
            raise PlatformUnavailable(self.down)
        if plan.as_it_is:
            return False
        before = (self.plans[-1:], self.traffic)
        if not self.plans or self.plans[-1] != plan:
            self.plans.append(plan)
        if not self.slow:
            self.traffic = plan.traffic
        return before != (self.plans[-1:], self.traffic)

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        """Carry out a plan."""
        self.apply(rollout, plan)

    def observe(self, rollout: ModelRollout) -> World:
        """Show the last plan as done."""
        if self.down:
            raise PlatformUnavailable(self.down)
        wanted = rollout.spec.serving.replicas
        ready = VersionState(wanted=wanted, ready=wanted)
        versions = self.plans[-1].versions if self.plans else ()
        return World(
            versions={v.version: self.states.get(v.version, ready) for v in versions},
            traffic=self.traffic,
            retreat=self.plans[-1].retreat if self.plans else None,
            serving=serving_in(rollout.status, self.plans[-1] if self.plans else None),
        )


@dataclass
class Script:
    """What the arms do in one interval.

    Attributes:
        requests: Live requests of both arms together, and of the mirror.
        stable_errors: Share of the stable arm's requests that fail.
        candidate_errors: The candidate's, and every challenger's that is not in `errors`.
        errors: By version, where candidates differ.
        rewards: By version, the mean reward; versions that are not in it get none.
        feedback: Share of live requests whose reward comes back.
        segments: By segment and version, the mean reward; the segments are of the same size.
    """

    requests: float = 600.0
    stable_errors: float = 0.0
    candidate_errors: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    rewards: dict[str, float] = field(default_factory=dict)
    feedback: float = 1.0
    segments: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass
class FakeMetrics:
    """Counts as a script says, at the weights that a platform carries.

    Attributes:
        platform: Whose traffic decides the exposures.
        script: What happens now; may be changed between ticks.
        problem: While set, nothing can be read and this is why.
    """

    platform: FakePlatform
    script: Script = field(default_factory=Script)
    problem: str = ""

    def time(self, now: float) -> float:
        """Give our time: there is no other clock."""
        return now

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Give one interval per metric, from each watermark until now."""
        return {request.rollout: self._measure(request, now) for request in requests}

    def _measure(self, request: Request, now: float) -> Measured:
        if self.problem:
            problems = [Problem(m, "PrometheusUnavailable", self.problem) for m in request.since]
            return Measured(problems=tuple(problems))
        stable = self._of(request, request.stable)
        fresh = tuple(
            Interval(metric, since, now, stable.get(metric), did.get(metric), whose)
            for whose, version in zip(
                ("", *request.candidates[1:]), request.candidates, strict=True
            )
            for did in (self._of(request, version),)
            for metric, since in request.since.items()
            if metric in SCRIPTED
        )
        return Measured(fresh, dict.fromkeys(request.since, now))

    def _of(self, request: Request, version: str) -> dict[MetricKey, Value]:
        """Say what a version did."""
        traffic, script = self.platform.traffic or Traffic(stable=100), self.script
        is_stable, is_first = version == request.stable, version == self.platform.candidate
        weight, mirror = traffic.challengers.get(version, 0), traffic.mirror
        errors = script.errors.get(version, script.candidate_errors)
        if is_stable:
            weight, mirror, errors = traffic.stable, traffic.stable, script.stable_errors
        elif is_first:
            weight = traffic.candidate

        def counts(percent: int) -> Counts:
            total = float(round(script.requests * percent / 100))
            return Counts(bad=float(round(total * errors)), total=total)

        did: dict[MetricKey, Value] = {}
        if weight or is_stable:
            did[Metric.REQUESTS] = counts(weight)
        if mirror or is_stable:
            did[Metric.MIRRORED] = counts(mirror)
        mean, count = script.rewards.get(version), script.requests * weight / 100 * script.feedback
        if mean is not None and count:
            did[Metric.REWARD] = Sums(count, count * mean)
        if script.segments and count:
            each = count / len(script.segments)
            did[Metric.SEGMENTS] = Segments(
                {
                    name: Sums(each, each * means[version])
                    for name, means in script.segments.items()
                    if version in means
                }
            )
        return did
