"""The central tick: what is read, written and carried out, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from headrace.api import (
    AbTest,
    Condition,
    ModelRollout,
    ModelSpec,
    Phase,
    Status,
    Strategy,
    Traffic,
)
from headrace.controller.asking import local_envoy
from headrace.controller.fleet import Fleet
from headrace.controller.parting import Parting
from headrace.controller.resources import Resource, Unreadable
from headrace.engine.decision import Tick
from headrace.engine.observations import Ask, Wish, World
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

    def let_go(self, resource: Resource | Unreadable) -> None:
        del self.kept[resource.key]


class Cluster:
    """A platform and numbers of many rollouts, each with a script of its own."""

    def __init__(self, log: list[str], life: Life) -> None:
        self.life = life
        self.platforms: dict[str, FakePlatform] = {}
        self.scripts: dict[str, Script] = {}
        self.asked: list[tuple[str, ...]] = []
        self.outage = ""
        self.ahead = 0.0
        self.log = log

    def of(self, key: str) -> FakePlatform:
        self.scripts.setdefault(key, Script(stable_errors=0.01, candidate_errors=0.01))
        return self.platforms.setdefault(key, FakePlatform())

    def apply(self, rollout: ModelRollout, plan: Plan) -> None:
        self.log.append(f"apply {plan.traffic.candidate}")
        known = len(self.of(rollout.key).plans)
        self.of(rollout.key).apply(rollout, plan)
        if len(self.of(rollout.key).plans) != known:
            self.life.spend()

    def observe_world(self, rollout: ModelRollout) -> World:
        return self.of(rollout.key).observe(rollout)


class Eyes:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def time(self, now: float) -> float:
        return now + self.cluster.ahead

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        self.cluster.asked.append(tuple(request.rollout for request in requests))
        read: dict[str, Measured] = {}
        for request in requests:
            platform = self.cluster.of(request.rollout)
            script = self.cluster.scripts[request.rollout]
            fake = FakeMetrics(platform, script, self.cluster.outage)
            read.update(fake.observe([request], self.time(now)))
        return read


class Hands:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def apply(self, rollout: ModelRollout, plan: Plan) -> None:
        self.cluster.apply(rollout, plan)

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
        self.now = START
        self.leads = True
        self.fleet = self.restart()
        for index, version in enumerate(versions):
            self.shelf.put(named(version, index))

    def restart(self) -> Fleet:
        """Put a new process in the place of the old one, which has forgotten everything."""
        self.fleet = Fleet(
            self.shelf,
            Eyes(self.cluster),
            Hands(self.cluster),
            counters_of=local_envoy,
            parting=self.parting,
            on_tick=self._tell,
            on_undone=lambda rollout, message: self.undone.append(rollout.key),
            may_act=lambda: self.leads,
            workers=2,
        )
        return self.fleet

    def _tell(self, rollout: ModelRollout, answer: Tick) -> None:
        self.told.append((rollout.key, answer.decision.reason))

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


def test_a_better_version_is_promoted_and_a_worse_one_rolled_back() -> None:
    bench = live(2)
    bench.want("2", 0)
    bench.want("2", 1)
    bench.cluster.scripts["models/flight-1"].candidate_errors = 0.2
    bench.until(Phase.ROLLED_BACK, 1)
    bench.until(Phase.HEALTHY, 0)
    assert bench.status(0).stable == named("2", 0).spec.model
    assert bench.status(1).stable == named("1", 1).spec.model


def test_all_rollouts_of_an_interval_are_asked_for_at_once() -> None:
    bench = live(3)
    for index in range(3):
        bench.want("2", index)
        bench.now += 4
        bench.tick()
    bench.cluster.asked.clear()
    bench.now = START + 15 * 1000
    bench.tick()
    assert bench.cluster.asked == [("models/flight-0", "models/flight-1", "models/flight-2")]


def test_a_change_of_the_world_is_looked_at_without_asking_for_numbers() -> None:
    bench = live()
    bench.want("2")
    bench.slots(2)
    asked = len(bench.cluster.asked)
    bench.now += 1
    bench.tick("models/flight-0")
    assert len(bench.cluster.asked) == asked


def test_what_is_decided_is_written_before_it_is_done() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.shelf.log.clear()
    bench.until(Phase.PROMOTING)
    raised = [line for line in bench.shelf.log if line in ("write Progressing 5", "apply 5")]
    assert raised[:2] == ["write Progressing 5", "apply 5"]


def test_evidence_alone_is_written_at_most_once_a_minute() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.slots(1)
    before, step = bench.shelf.writes, bench.status().step
    bench.slots(3)
    assert bench.status().step == step
    assert bench.shelf.writes - before <= 1


@pytest.mark.parametrize(("errors", "outcome"), [(0.01, "Promoted"), (0.2, "RolledBack")])
def test_killed_after_every_single_tick_it_learns_all_the_same(errors: float, outcome: str) -> None:
    bench = live()
    bench.cluster.scripts["models/flight-0"].candidate_errors = errors
    bench.want("2")
    ticks = 0
    while len(bench.status().history) < 2:
        bench.slots(1)
        bench.restart()
        ticks += 1
        assert ticks < 400, bench.status().decision
    assert bench.status().history[-1].outcome == outcome


def test_at_rest_nothing_is_written() -> None:
    bench = live()
    before = bench.shelf.writes
    bench.slots(40)
    assert bench.shelf.writes == before


def test_a_restart_at_any_moment_changes_no_outcome_and_no_history() -> None:
    ended = set()
    for pause in range(0, 45, 3):
        bench = live()
        bench.want("2")
        bench.slots(pause)
        bench.restart()
        bench.until(Phase.HEALTHY)
        ended.add(tuple((entry.version, entry.outcome) for entry in bench.status().history))
    assert ended == {(("1", "Live"), ("2", "Promoted"))}


History = tuple[tuple[str, str, str], ...]
AB_TEST = Strategy(ab_test=AbTest(split=50, goal="reward", minimum_effect=0.01))


def of_a_whole_rollout(
    lives: int, errors: float, strategy: Strategy | None
) -> tuple[tuple[Phase, ModelSpec | None, History, Traffic | None], int]:
    """Run a rollout whose process is killed after its n-th write, and give end and kills."""
    bench = live()
    script = bench.cluster.scripts["models/flight-0"]
    script.candidate_errors = errors
    script.rewards = {"1": 0.2, "2": 0.6}
    wanted = named("2", 0)
    if strategy is not None:
        spec = wanted.spec.model_copy(update={"strategy": strategy})
        wanted = wanted.model_copy(update={"spec": spec})
    bench.shelf.put(wanted)
    bench.shelf.life.left = lives
    killed = ended = 0
    for _ in range(300):
        try:
            bench.slots(1)
        except Killed:
            killed += 1
            bench.shelf.life.left = float("inf")
            bench.restart()
        ended += len(bench.status().history) > 1
        if ended > 3:
            break
    status = bench.status()
    history = tuple((entry.version, entry.outcome, entry.reason) for entry in status.history)
    carried = bench.cluster.of("models/flight-0").traffic
    return (status.phase, status.stable, history, carried), killed


@pytest.mark.parametrize(
    ("errors", "strategy", "outcome"),
    [
        (0.01, None, "Promoted"),
        (0.3, None, "RolledBack"),
        (0.01, AB_TEST, "Promoted"),
        (0.3, AB_TEST, "RolledBack"),
    ],
    ids=["a good one", "a bad one", "a better one of an A/B test", "a bad one of an A/B test"],
)
def test_killed_after_any_single_write_it_ends_the_same_with_the_same_history(
    errors: float, strategy: Strategy | None, outcome: str
) -> None:
    undisturbed, none = of_a_whole_rollout(10**9, errors, strategy)
    assert none == 0
    assert undisturbed[2][-1][1] == outcome
    for lives in range(1, 100):
        ended, killed = of_a_whole_rollout(lives, errors, strategy)
        assert ended == undisturbed, f"killed after write {lives}"
        if not killed:
            break
    assert lives > 5


def test_a_status_that_cannot_be_written_decides_nothing() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.cluster.scripts["models/flight-0"].candidate_errors = 0.5
    bench.shelf.down = "the API server does not answer"
    bench.shelf.log.clear()
    bench.slots(40)
    assert not [line for line in bench.shelf.log if line.startswith("write")]
    assert bench.cluster.of("models/flight-0").traffic == bench.status().weights.asked
    bench.shelf.down = ""
    bench.until(Phase.ROLLED_BACK)


def test_of_two_controllers_only_one_decides() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    first = bench.fleet
    second = bench.restart()
    for _ in range(200):
        bench.now += 15
        for fleet in (first, second):
            fleet.tick(bench.now)
            fleet.settle(10)
    assert [entry.version for entry in bench.status().history] == ["1", "2"]
    assert bench.status().phase is Phase.HEALTHY


def test_a_controller_that_no_longer_leads_writes_and_applies_nothing() -> None:
    bench = live()
    bench.want("2")
    bench.leads = False
    bench.shelf.log.clear()
    bench.slots(20)
    assert bench.shelf.log == []


def test_a_person_is_heard_once() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    bench.shelf.put(named("2", 0), Ask(Wish.ABORT, "one", "ada"))
    bench.until(Phase.ROLLED_BACK)
    bench.shelf.put(named("2", 0), Ask(Wish.RETRY, "two", "ada"))
    bench.until(Phase.PROGRESSING)
    assert [entry.by for entry in bench.status().history] == ["headrace", "ada"]


def test_what_another_controller_wrote_into_the_status_counts() -> None:
    bench = live()
    bench.want("2")
    bench.until(Phase.PROGRESSING)
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    other = bench.status().model_copy(update={"step": 2, "writes": bench.status().writes + 1})
    bench.shelf.write(kept, other)
    bench.slots(1)
    assert bench.fleet.members["models/flight-0"].status.step == 2
    assert bench.undone == []


@pytest.mark.parametrize("written", ["nothing", "something older", "something else"])
def test_what_anybody_else_wrote_into_the_status_is_put_back(written: str) -> None:
    bench = live()
    older = bench.status()
    bench.want("2")
    while bench.status().weights.asked.candidate < 25:
        bench.slots(1)
    right = bench.status()
    other = {
        "nothing": Status(),
        "something older": older,
        "something else": right.model_copy(update={"stable": right.candidate, "history": []}),
    }
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    bench.shelf.write(kept, other[written])
    bench.slots(1)
    back = bench.status()
    assert (back.stable, back.candidate, back.history) == (
        right.stable,
        right.candidate,
        right.history,
    )
    assert back.writes > right.writes
    assert bench.undone == ["models/flight-0"]
    bench.until(Phase.HEALTHY)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "Promoted"]
    assert bench.undone == ["models/flight-0"]


def test_a_status_that_nobody_can_read_any_more_is_put_back() -> None:
    bench = under_test()
    right = bench.status()
    key = "models/flight-0"
    bench.shelf.writes += 1
    bench.shelf.kept[key] = Unreadable(key, str(bench.shelf.writes), "the status cannot be read")
    bench.tick()
    assert (bench.status().candidate, bench.status().history) == (right.candidate, right.history)
    assert bench.undone == [key]
    bench.until(Phase.HEALTHY)
    assert [entry.outcome for entry in bench.status().history] == ["Live", "Promoted"]


CONTRADICTIONS: dict[str, dict[str, object]] = {
    "rolling back nothing": {"phase": Phase.ROLLING_BACK, "candidate": None},
    "promoting nothing": {"phase": Phase.PROMOTING, "candidate": None},
    "waiting with nothing": {"phase": Phase.PAUSED, "candidate": None},
    "promoting for no reason": {"phase": Phase.PROMOTING},
    "rolling back for no reason": {"phase": Phase.ROLLING_BACK},
    "at rest, and under test": {"phase": Phase.HEALTHY},
    "beside itself": {"candidate": rollout("1").spec.model},
}


@pytest.mark.parametrize("changed", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_controller_without_memory_that_finds_a_contradiction_keeps_users_and_asks(
    changed: dict[str, object],
) -> None:
    bench = under_test()
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    bench.shelf.write(kept, bench.status().model_copy(update=changed))
    bench.restart()
    bench.told.clear()
    bench.slots(10)
    status = bench.status()
    assert (status.phase, status.candidate) == (Phase.ROLLED_BACK, None)
    assert status.stable == named("1", 0).spec.model
    assert bench.cluster.of("models/flight-0").traffic == Traffic(stable=100)
    assert ("models/flight-0", "StatusContradictory") in bench.told
    assert status.decision is not None
    assert "headrace retry" in status.decision.message
    bench.shelf.put(named("2", 0), Ask(Wish.RETRY, "one", "ada"))
    bench.until(Phase.HEALTHY)
    assert bench.status().stable == named("2", 0).spec.model


def test_a_condition_of_somebody_else_stays_and_undoes_nothing() -> None:
    bench = live()
    theirs = Condition(
        type="Audited",
        status="True",
        reason="Seen",
        message="ada has seen it",
        last_transition_time=START,
    )

    def audited() -> bool:
        return theirs in bench.status().conditions

    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Resource)
    conditions = [*bench.status().conditions, theirs]
    bench.shelf.write(kept, bench.status().model_copy(update={"conditions": conditions}))
    bench.slots(1)
    bench.want("2")
    bench.until(Phase.PROMOTING)
    assert audited()
    bench.until(Phase.HEALTHY)
    assert audited()
    assert bench.undone == []


def test_a_fault_of_ours_in_one_rollout_leaves_the_others_judged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = live(2)

    class Broken(FakePlatform):
        def observe(self, rollout: ModelRollout) -> World:
            raise RuntimeError("a fault of ours")

    bench.cluster.platforms["models/flight-0"] = Broken()
    bench.want("2", 1)
    bench.until(Phase.HEALTHY, 1)
    assert "models/flight-0 could not be judged" in caplog.text


def test_a_rollout_that_was_deleted_is_forgotten() -> None:
    bench = live(2)
    del bench.shelf.kept["models/flight-0"]
    bench.slots(1)
    assert set(bench.fleet.members) == {"models/flight-1"}


def test_ten_minutes_without_prometheus_roll_none_of_fifty_healthy_ones_back() -> None:
    bench = live(50)
    for index in range(50):
        bench.want("2", index)
    bench.slots(6)
    under_way = [bench.status(index).weights.asked for index in range(50)]
    bench.cluster.outage = "nobody answers at http://prometheus:9090"
    bench.slots(40)
    assert {bench.status(index).phase for index in range(50)} == {Phase.PROGRESSING}
    assert [bench.status(index).weights.asked for index in range(50)] == under_way
    bench.cluster.outage = ""
    bench.slots(60)
    assert {bench.status(index).phase for index in range(50)} == {Phase.HEALTHY}
    assert {bench.status(index).history[-1].outcome for index in range(50)} == {"Promoted"}


def under_test() -> Bench:
    bench = live()
    bench.want("2")
    while bench.cluster.of("models/flight-0").traffic != Traffic(stable=95, candidate=5):
        bench.slots(1)
    return bench


def test_an_invalid_spec_leaves_everything_as_it_is_and_says_so_once() -> None:
    bench = under_test()
    platform = bench.cluster.of("models/flight-0")
    bench.shelf.spoil("models/flight-0", "spec.strategy: has none of them", 9)
    bench.shelf.log.clear()
    plans = list(platform.plans)
    bench.slots(20)
    assert bench.shelf.log == ["refuse Invalid"]
    assert platform.plans == plans
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Unreadable)
    assert kept.status is not None
    assert (kept.status.phase, kept.status.interrupted) == (Phase.INVALID, Phase.PROGRESSING)
    assert kept.status.observed_generation == 9
    stalled = next(c for c in kept.status.conditions if c.type == "Stalled")
    assert (stalled.status, stalled.message) == ("True", "spec.strategy: has none of them")


def test_a_spec_that_is_valid_again_goes_on_where_it_was() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "spec.strategy: has none of them", 9)
    bench.slots(3)
    bench.want("2")
    bench.tick()
    assert bench.status().phase is Phase.PROGRESSING
    bench.until(Phase.PROMOTING)
    assert all(c.reason != "InvalidSpec" for c in bench.status().conditions)


def test_another_fault_of_an_invalid_spec_is_said_too() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "one fault", 9)
    bench.slots(2)
    bench.shelf.spoil("models/flight-0", "another fault", 10)
    bench.slots(2)
    kept = bench.shelf.kept["models/flight-0"]
    assert isinstance(kept, Unreadable)
    assert kept.status is not None
    assert kept.status.interrupted is Phase.PROGRESSING
    assert {c.message for c in kept.status.conditions if c.type == "Stalled"} == {"another fault"}


def test_what_is_invalid_is_said_later_where_it_cannot_be_written_now() -> None:
    bench = under_test()
    bench.shelf.spoil("models/flight-0", "one fault", 9)
    bench.shelf.down = "the API server does not answer"
    bench.slots(2)
    bench.shelf.down = ""
    bench.slots(1)
    assert bench.shelf.log[-1] == "refuse Invalid"


def test_what_could_not_be_written_at_rest_is_tried_again_within_seconds() -> None:
    bench = live()
    bench.shelf.down = "the API server does not answer"
    bench.want("2")
    again = bench.tick()
    assert bench.status().phase is Phase.HEALTHY
    bench.shelf.down = ""
    assert bench.tick() <= bench.now + 1
    bench.now += 1
    bench.tick()
    assert bench.status().phase is Phase.PROGRESSING
    assert again >= bench.now - 1


def test_what_cannot_be_written_for_long_is_tried_ever_less_often() -> None:
    bench = live()
    bench.shelf.down = "the API server does not answer"
    bench.want("2")
    pauses = []
    for _ in range(8):
        bench.tick()
        pauses.append(bench.tick() - bench.now)
        bench.now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15


def test_what_changes_while_a_rollout_is_carried_out_is_looked_at_right_after_it() -> None:
    bench = live()
    bench.want("2")
    entered, leave, woken = threading.Event(), threading.Event(), threading.Event()
    looks: list[str] = []

    class Slow(Hands):
        def observe(self, rollout: ModelRollout) -> World:
            looks.append(rollout.key)
            return super().observe(rollout)

        def apply(self, rollout: ModelRollout, plan: Plan) -> None:
            super().apply(rollout, plan)
            entered.set()
            leave.wait(60)

    fleet = Fleet(
        bench.shelf,
        Eyes(bench.cluster),
        Slow(bench.cluster),
        counters_of=local_envoy,
        wake=woken.set,
    )
    fleet.tick(bench.now + 15)
    assert entered.wait(60)
    fleet.tick(bench.now + 15.1, ["models/flight-0"])
    leave.set()
    assert woken.wait(60)
    assert len(looks) == 1
    fleet.tick(bench.now + 15.2)
    assert len(looks) == 2
    fleet.close()


def test_what_waits_for_the_end_of_a_rollout_begins_at_once() -> None:
    bench = under_test()
    bench.want("3")
    bench.until(Phase.HEALTHY)
    assert bench.status().history[-1].outcome == "Superseded"
    bench.tick()
    candidate = bench.status().candidate
    assert candidate is not None
    assert candidate.version == "3"
