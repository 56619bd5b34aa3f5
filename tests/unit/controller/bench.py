"""A fleet on a bench: resources in memory, played platforms and numbers, and a process to kill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from headrace.api import (
    Condition,
    ModelRollout,
    Phase,
    Status,
    Traffic,
)
from headrace.controller.asking import local_envoy
from headrace.controller.fleet import Fleet
from headrace.controller.parting import Parting
from headrace.controller.resources import Resource, Unreadable
from headrace.engine.decision import Tick
from headrace.engine.observations import (
    CATCHING_UP,
    Ask,
    Interval,
    Metric,
    MetricKey,
    Problem,
    World,
)
from headrace.engine.plan import Plan
from headrace.errors import Conflict, PlatformUnavailable
from headrace.metrics.source import Measured, Request
from headrace.testing import FakeMetrics, FakePlatform, Script
from tests.unit.engine.rollouts import rollout

START = 1_000_000.0 - 1_000_000.0 % 15


class Killed(BaseException):
    """The process ends here; what it has written is written."""


@dataclass
class Life:
    """Ends the process after so many writes, of statuses and of the platform alike."""

    left: float = float("inf")

    def spend(self) -> None:
        """Count a write that was made."""
        self.left -= 1
        if self.left <= 0:
            raise Killed


@dataclass
class Shelf:
    """Resources in memory, each with a fence, and a log of what was done in which order."""

    kept: dict[str, Resource | Unreadable] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    down: str = ""
    writes: int = 0
    life: Life = field(default_factory=Life)

    def all(self) -> Mapping[str, Resource | Unreadable]:
        return dict(self.kept)

    def put(self, one: ModelRollout, ask: Ask | None = None) -> None:
        """Do what a person does: change all but the status."""
        before = self.kept.get(one.key)
        if isinstance(before, Resource):
            one = one.model_copy(update={"status": before.rollout.status})
        elif before is not None:
            one = one.model_copy(update={"status": before.status})
        self.writes += 1
        self.kept[one.key] = Resource(one, str(self.writes), ask)

    def write(self, resource: Resource, status: Status) -> Resource:
        if self.down:
            raise PlatformUnavailable(self.down)
        kept = self.kept[resource.rollout.key]
        if kept.fence != resource.fence:
            raise Conflict("somebody else has changed it")
        self.writes += 1
        self.log.append(f"write {status.phase} {status.weights.asked.candidate}")
        # Through JSON, as the API server keeps it.
        read = Status.model_validate_json(status.model_dump_json())
        changed = resource.rollout.model_copy(update={"status": read})
        self.kept[changed.key] = replace(resource, rollout=changed, fence=str(self.writes))
        self.life.spend()
        return replace(resource, rollout=changed, fence=str(self.writes))

    def spoil(self, key: str, message: str, generation: int) -> None:
        """Do what a person does who writes an invalid spec."""
        kept = self.kept[key]
        status = kept.rollout.status if isinstance(kept, Resource) else kept.status
        self.writes += 1
        self.kept[key] = Unreadable(key, str(self.writes), message, status, generation)

    def delete(self, key: str, at: float) -> None:
        """Do what a person does who deletes a resource that has a finalizer."""
        self.writes += 1
        self.kept[key] = replace(self.kept[key], fence=str(self.writes), deleting=at)

    def refuse(self, resource: Unreadable, status: Status) -> None:
        if self.down:
            raise PlatformUnavailable(self.down)
        if self.kept[resource.key].fence != resource.fence:
            raise Conflict("somebody else has changed it")
        self.writes += 1
        self.log.append(f"refuse {status.phase}")
        self.kept[resource.key] = replace(resource, fence=str(self.writes), status=status)

    def complain(self, resource: Unreadable, conditions: Sequence[Condition]) -> None:
        if self.down:
            raise PlatformUnavailable(self.down)
        if self.kept[resource.key].fence != resource.fence:
            raise Conflict("somebody else has changed it")
        self.writes += 1
        self.log.append("complain")
        self.kept[resource.key] = replace(
            resource, fence=str(self.writes), conditions=tuple(conditions)
        )

    def let_go(self, resource: Resource | Unreadable) -> None:
        del self.kept[resource.key]


class Cluster:
    """A platform and numbers of many rollouts, each with a script of its own."""

    def __init__(self, log: list[str], life: Life) -> None:
        self.life = life
        self.platforms: dict[str, FakePlatform] = {}
        self.scripts: dict[str, Script] = {}
        self.asked: list[tuple[str, ...]] = []
        self.kept: dict[tuple[str, ...], list[Interval]] = {}
        self.outage = ""
        self.ahead = 0.0
        self.behind = 0
        self.log = log

    def of(self, key: str) -> FakePlatform:
        self.scripts.setdefault(key, Script(stable_errors=0.01, candidate_errors=0.01))
        return self.platforms.setdefault(key, FakePlatform())

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        self.log.append(f"apply {plan.traffic.candidate}")
        known = len(self.of(rollout.key).plans)
        changed = self.of(rollout.key).apply(rollout, plan)
        if len(self.of(rollout.key).plans) != known:
            self.life.spend()
        return changed

    def observe_world(self, rollout: ModelRollout) -> World:
        return self.of(rollout.key).observe(rollout)


class Eyes:
    """Reads numbers that are kept: who asks for the same time again gets the same."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def time(self, now: float) -> float:
        return now + self.cluster.ahead

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        self.cluster.asked.append(tuple(request.rollout for request in requests))
        read: dict[str, Measured] = {}
        if self.cluster.behind:
            self.cluster.behind -= 1
            problem = Problem(
                Metric.REQUESTS, CATCHING_UP, "the past of other rollouts is read first"
            )
            return {request.rollout: Measured(problems=(problem,)) for request in requests}
        for request in requests:
            read[request.rollout] = self._read(request, self.time(now))
        return read

    def _read(self, request: Request, now: float) -> Measured:
        key, versions = request.rollout, (request.stable, *request.candidates)
        kept = self.cluster.kept.setdefault((key, *versions), [])
        until = {metric: kept_until(kept, metric, since) for metric, since in request.since.items()}
        fake = FakeMetrics(self.cluster.of(key), self.cluster.scripts[key], self.cluster.outage)
        fresh = fake.observe([replace(request, since=until)], now)[key]
        kept += [each for each in fresh.intervals if each.end > each.start]
        since = request.since
        asked = [each for each in kept if each.metric in since and each.end > since[each.metric]]
        return fresh if fresh.problems else replace(fresh, intervals=tuple(asked))


def kept_until(kept: Sequence[Interval], metric: MetricKey, since: float) -> float:
    """Give the end of what is kept of a metric, and what is asked for where nothing is."""
    return max([since, *(each.end for each in kept if each.metric == metric)])


class Hands:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        return self.cluster.apply(rollout, plan)

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        self.apply(rollout, plan)

    def observe(self, rollout: ModelRollout) -> World:
        return self.cluster.observe_world(rollout)


class Bench:
    """A fleet with its shelf, its cluster and a clock."""

    def __init__(self, *versions: str, parting: Parting | None = None) -> None:
        self.parting = parting
        self.shelf = Shelf()
        self.cluster = Cluster(self.shelf.log, self.shelf.life)
        self.told: list[tuple[str, str]] = []
        self.undone: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.woken = 0
        self.now = START
        self.leads = True
        self.fleet = self.restart()
        for index, version in enumerate(versions):
            self.shelf.put(named(version, index))

    def restart(self, hands: Hands | None = None) -> Fleet:
        """Put a new process in the place of the old one, which has forgotten everything."""
        self.fleet = Fleet(
            self.shelf,
            Eyes(self.cluster),
            hands or Hands(self.cluster),
            counters_of=local_envoy,
            parting=self.parting,
            on_tick=self._tell,
            on_undone=lambda rollout, message: self.undone.append(rollout.key),
            on_refused=lambda resource: self.refused.append((resource.key, resource.reason)),
            may_act=lambda: self.leads,
            wake=self._wake,
            workers=2,
        )
        return self.fleet

    def _tell(self, rollout: ModelRollout, answer: Tick) -> None:
        self.told.append((rollout.key, answer.decision.reason))

    def _wake(self) -> None:
        self.woken += 1

    def status(self, index: int = 0) -> Status:
        kept = self.shelf.kept[named("1", index).key]
        assert isinstance(kept, Resource)
        return kept.rollout.status

    def tick(self, *changed: str) -> float:
        again = self.fleet.tick(self.now, changed)
        self.fleet.settle(10)
        return again

    def slots(self, count: int) -> None:
        for _ in range(count):
            self.now += 15
            self.tick()

    def until(self, phase: Phase, index: int = 0, most: int = 300) -> None:
        for _ in range(most):
            self.slots(1)
            if self.status(index).phase is phase:
                return
        raise AssertionError(f"never {phase}: {self.status(index).decision}")

    def want(self, version: str, index: int = 0) -> None:
        self.shelf.put(named(version, index))


def named(version: str, index: int) -> ModelRollout:
    one = rollout(version)
    metadata = one.metadata.model_copy(update={"name": f"flight-{index}"})
    return one.model_copy(update={"metadata": metadata})


def live(count: int = 1) -> Bench:
    bench = Bench(*["1"] * count)
    for index in range(count):
        bench.until(Phase.HEALTHY, index)
    bench.slots(5)
    return bench


def under_test() -> Bench:
    bench = live()
    bench.want("2")
    while bench.cluster.of("models/flight-0").traffic != Traffic(stable=95, candidate=5):
        bench.slots(1)
    return bench
