"""One simulated rollout: the real `decide()` in a world in which every plan is carried out at once.

The world is made of a scenario's traffic. Requests go where the plan sent them; what cannot be read
during an outage of the metrics is in the counters afterwards, as it is in Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from headrace.api import Phase, RolloutSpec, Status, Traffic
from headrace.engine.decide import decide
from headrace.engine.decision import Action
from headrace.engine.lifecycle import HISTORY_INTERVALS
from headrace.engine.observations import (
    Ask,
    Interval,
    Metric,
    MetricKey,
    Observations,
    Problem,
    Value,
    VersionState,
    Wish,
    World,
)
from headrace.engine.plan import Plan
from headrace.simulate.numbers import Numbers
from headrace.simulate.scenario import Scenario
from headrace.simulate.traffic import Arm, Drawn
from headrace.simulate.traffic import Traffic as Source
from headrace.simulate.unattended import unattended

Values = dict[MetricKey, Value]
"""What an arm did, by metric."""

MOST_TICKS = 4000
"""Ticks after which a rollout that has decided nothing is left undecided."""
_BEGAN = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a policy ended one rollout.

    Attributes:
        action: `RollBack`, `Promote`, or `Hold` where nothing was decided.
        reason: Why, in one word.
        seconds: From the first requests of the candidate to the end.
        served: Live requests that the candidate had answered since it turned bad.
    """

    action: Action
    reason: str
    seconds: float
    served: float


class Rollout:
    """One rollout of a spec under a scenario."""

    def __init__(
        self, spec: RolloutSpec, scenario: Scenario, source: Source, numbers: Numbers
    ) -> None:
        """Begin.

        Args:
            spec: What the user wants.
            scenario: What happens.
            source: Its traffic.
            numbers: What its other checks see.
        """
        self._spec, self._scenario = unattended(spec), scenario
        self._source, self._numbers = source, numbers
        self._interval = spec.analysis.interval
        self._now = _BEGAN
        stable = spec.model.model_copy(update={"version": f"before-{spec.model.version}"[:63]})
        self._stable = stable
        self._status = Status(phase=Phase.HEALTHY, stable=stable)
        self._plan = Plan(stable, None, Traffic(stable=100))
        self._carried = 0
        self._unread: list[Drawn] = []
        self._others: dict[str, Arm] = {}
        self._read_until = _BEGAN
        self._served = 0.0
        self._ask: Ask | None = None

    def run(self) -> Ending:
        """Tick until it is decided."""
        self._tick(Observations(world=self._world()))
        history = tuple(self._history())
        for tick in range(MOST_TICKS):
            seen = self._observe()
            ending = self._tick(replace(seen, intervals=history + seen.intervals))
            history = ()
            if ending is not None:
                return ending
            if tick and self._status.candidate is None:
                break
        last = self._status.decision
        return self._ending(Action.HOLD, last.reason if last else "")

    def _tick(self, observations: Observations) -> Ending | None:
        answer = decide(self._spec, self._status, observations, self._now)
        self._status, self._plan = answer.status, answer.plan
        self._now += self._interval
        decision = answer.decision
        self._ask = None
        if decision.action in (Action.PROMOTE, Action.ROLL_BACK):
            return self._ending(decision.action, decision.reason)
        if decision.action is Action.DISCARD:
            return self._ending(Action.HOLD, decision.reason)
        if decision.action is Action.PAUSE:
            if decision.reason != "WaitingForApproval":
                return self._ending(Action.HOLD, decision.reason)
            self._ask = Ask(Wish.PROMOTE, f"simulated-{self._now}", "simulation")
        return None

    def _ending(self, action: Action, reason: str) -> Ending:
        return Ending(action, reason, self._carried * self._interval, self._served)

    def _world(self) -> World:
        wanted = self._spec.serving.replicas
        ready = VersionState(wanted=wanted, ready=wanted)
        versions = {model.version: ready for model in self._plan.versions}
        return World(versions=versions, traffic=self._plan.traffic)

    def _history(self) -> Iterator[Interval]:
        for index in range(HISTORY_INTERVALS):
            end = _BEGAN - self._interval * (HISTORY_INTERVALS - 1 - index)
            stable = self._seen_of_stable(self._source.draw(-1.0, 1.0, 0.0).stable)
            yield from self._intervals((end - self._interval, end), stable, {})

    def _observe(self) -> Observations:
        traffic = self._plan.traffic
        share = traffic.candidate or traffic.mirror
        if share or self._carried:
            self._carried += 1
        time = self._carried * self._interval
        drawn = self._source.draw(time or -1.0, traffic.stable / 100, share / 100)
        self._unread.append(drawn)
        for model in self._plan.challengers:
            weight = traffic.challengers.get(model.version, 0)
            arm = self._source.healthy(weight / 100)
            before = self._others.get(model.version)
            self._others[model.version] = arm if before is None else before.plus(arm)
        if traffic.candidate and time > self._scenario.onset:
            self._served += drawn.candidate.requests.total
        if not drawn.seen:
            problems = [Problem(metric, "PrometheusUnavailable", "outage") for metric in Metric]
            return Observations(problems=tuple(problems), world=self._world(), ask=self._ask)
        return Observations(tuple(self._fresh()), world=self._world(), ask=self._ask)

    def _fresh(self) -> Iterator[Interval]:
        """Give what the counters show since they were read the last time."""
        stable, candidate = self._unread[0].stable, self._unread[0].candidate
        for drawn in self._unread[1:]:
            stable, candidate = stable.plus(drawn.stable), candidate.plus(drawn.candidate)
        times = self._read_until, self._now
        others, self._unread, self._others = self._others, [], {}
        self._read_until = self._now
        traffic, of_stable = self._plan.traffic, self._seen_of_stable(stable)
        live = candidate if traffic.candidate else None
        copied = candidate if traffic.mirror else None
        bad = self._carried * self._interval > self._scenario.onset
        did = self._seen_of_candidate(live, copied, bad=bad)
        yield from self._intervals(times, of_stable, did)
        for version, arm in others.items():
            did = self._seen_of_candidate(arm, None, bad=False)
            yield from self._intervals(times, of_stable, did, version)

    def _seen_of_stable(self, arm: Arm) -> Values:
        traffic: Values = {
            Metric.REQUESTS: arm.requests,
            Metric.MIRRORED: arm.requests,
            Metric.LATENCY: arm.latency,
            Metric.SERVER_LATENCY: arm.latency,
        }
        if arm.halves is not None:
            traffic[Metric.SERVED] = arm.halves
        return traffic | self._numbers.of_stable(arm)

    def _seen_of_candidate(self, live: Arm | None, copied: Arm | None, *, bad: bool) -> Values:
        traffic: Values = {}
        if live is not None:
            traffic |= {Metric.REQUESTS: live.requests, Metric.LATENCY: live.latency}
        if copied is not None:
            traffic |= {Metric.MIRRORED: copied.requests, Metric.SERVER_LATENCY: copied.latency}
        return traffic | self._numbers.of_candidate(live, copied, bad=bad)

    def _intervals(
        self, times: tuple[float, float], stable: Values, candidate: Values, challenger: str = ""
    ) -> Iterator[Interval]:
        for metric in stable | candidate:
            arms = stable.get(metric), candidate.get(metric)
            reference = self._numbers.reference(metric)
            yield Interval(metric, *times, *arms, challenger, reference)


def run_once(spec: RolloutSpec, scenario: Scenario, seed: int, run: int) -> Ending:
    """Simulate one rollout.

    Args:
        spec: What the user wants.
        scenario: What happens.
        seed: Of the whole simulation.
        run: Which rollout of it.
    """
    source = source_of(spec, scenario, seed, run)
    return Rollout(spec, scenario, source, Numbers(spec, scenario, seed, run)).run()


def source_of(spec: RolloutSpec, scenario: Scenario, seed: int, run: int) -> Source:
    """Give a rollout's traffic; the same for the same arguments."""
    length = sum(seconds for seconds, _ in schedule_of(spec))
    return Source(scenario, seed, run, interval=spec.analysis.interval, length=length)


def schedule_of(spec: RolloutSpec) -> Sequence[tuple[float, float]]:
    """Give seconds and the candidate's share of live requests, step by step.

    A strategy without weights of its own is as one that lets a half through for 20 minutes, for
    the peers' rules, which must see users to say anything.
    """
    canary = spec.strategy.canary
    if canary is None:
        return [(1200.0, 0.5)]
    steps, weight = [], 0.0
    for step in canary.steps:
        weight = weight if step.weight is None else step.weight / 100
        steps.append((step.hold or step.analysis or 0.0, weight))
    return steps
