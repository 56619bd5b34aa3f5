"""Every strategy, any checks, and a world in which anything can go wrong at any moment."""

from __future__ import annotations

import random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import ModelRollout, Phase, Status
from headrace.engine.decision import Tick
from headrace.engine.observations import Ask, VersionState, Wish
from tests.properties.test_any_strategy import SEVERAL, STRATEGIES
from tests.unit.engine.examples import SPECS
from tests.unit.engine.noise import Model
from tests.unit.engine.noisy import NoisyWorld, checks
from tests.unit.engine.rollouts import rollout

NAMES = tuple(str(spec["name"]) for spec in SPECS)
VERSIONS = "123"
MODELS = {
    "healthy": Model(),
    "failing": Model(errors=0.4),
    "slow": Model(slow=5.0),
    "poor": Model(reward=0.1),
    "rich": Model(reward=0.6),
    "moved": Model(moved=0.7),
    "huge": Model(level=5e9),
}
STATES = {
    "up": VersionState(1, 1),
    "gone": VersionState(1, 0),
    "restarted": VersionState(1, 1, restarts=1, last_reason="ended with 1"),
    "crashing": VersionState(1, 0, restarts=9, last_reason="ended by signal 11"),
    "killed": VersionState(1, 1, restarts=3, oom_kills=3),
    "refused": VersionState(1, 0, refused="DigestMismatch: its bytes differ"),
}
LEGAL = {
    Phase.IDLE: {Phase.IDLE, Phase.PROGRESSING},
    Phase.PROGRESSING: {
        Phase.PROGRESSING,
        Phase.PAUSED,
        Phase.PROMOTING,
        Phase.ROLLING_BACK,
        # The first version has nothing to move.
        Phase.HEALTHY,
        Phase.ROLLED_BACK,
    },
    Phase.PAUSED: {Phase.PAUSED, Phase.PROGRESSING, Phase.PROMOTING, Phase.ROLLING_BACK},
    Phase.PROMOTING: {Phase.PROMOTING, Phase.ROLLING_BACK, Phase.HEALTHY},
    Phase.ROLLING_BACK: {Phase.ROLLING_BACK, Phase.PROMOTING, Phase.ROLLED_BACK, Phase.HEALTHY},
    Phase.HEALTHY: {Phase.HEALTHY, Phase.PROGRESSING, Phase.ROLLING_BACK},
    Phase.ROLLED_BACK: {
        Phase.ROLLED_BACK,
        Phase.HEALTHY,
        Phase.PROGRESSING,
        Phase.ROLLING_BACK,
    },
}


def anything(dice: random.Random, world: NoisyWorld) -> Ask | None:
    """Let something happen, and give what a person asks for."""
    platform, metrics, version = world.platform, world.metrics, dice.choice(VERSIONS)
    match dice.choice(
        ("time", "time", "time", "model", "state", "metrics", "platform", "slow", "ask", "spec")
    ):
        case "model":
            metrics.models[version] = MODELS[dice.choice(list(MODELS))]
        case "state":
            platform.states[version] = STATES[dice.choice(list(STATES))]
        case "metrics":
            metrics.problem = dice.choice(("", "", "Prometheus is down"))
        case "platform":
            platform.down = dice.choice(("", "", "the platform is down"))
        case "slow":
            platform.slow = dice.random() < 0.4
        case "ask":
            wish = dice.choice(list(Wish))
            return Ask(wish, f"{wish}-{world.clock.now}", "ada")
        case "spec":
            edit(dice, world)
        case "time":
            # The controller was away, and comes back.
            for _ in range(dice.choice((0, 0, 1, 5, 30))):
                world.pass_time()
    return None


def some(dice: random.Random, kind: str) -> set[str]:
    """Choose checks; a ramp needs something that counts bad requests."""
    names = set(dice.sample(NAMES, dice.randint(1, 4)))
    return names | {"errors"} if "ramp" in kind else names


def edit(dice: random.Random, world: NoisyWorld) -> None:
    """Apply another document: versions, strategy and checks may change in the middle."""
    kind = dice.choice(list(STRATEGIES))
    versions = dice.sample(VERSIONS, 2 if kind in SEVERAL and dice.random() < 0.5 else 1)
    wanted = rollout(
        versions[0],
        challengers="".join(versions[1:]),
        strategy=STRATEGIES[kind],
        checks=checks(some(dice, kind)),
        more=dice.choice(("", ", onNoData: Pause", ", onNoData: RollBack", ", mode: Advise")),
    )
    world.rollout = wanted.model_copy(update={"status": world.status})


def restart(world: NoisyWorld) -> None:
    """Read the whole resource again, from YAML and from JSON."""
    written = world.rollout.model_dump(mode="json", by_alias=True, exclude_none=True)
    from_yaml = ModelRollout.model_validate(yaml.safe_load(yaml.safe_dump(written)))
    from_json = ModelRollout.model_validate_json(world.rollout.model_dump_json(by_alias=True))
    assert from_yaml == from_json == world.rollout
    world.rollout = from_yaml


def check(before: Status, answer: Tick) -> None:
    """Check what must always hold."""
    plan, traffic, status = answer.plan, answer.plan.traffic, answer.status
    weights = [traffic.stable, traffic.candidate, *traffic.challengers.values()]
    assert all(isinstance(weight, int) and weight >= 0 for weight in [*weights, traffic.mirror])
    if plan.stable is not None:
        # Half-way, with nobody alive, it asks for what was carried, be it nothing.
        assert sum(weights) == 100 or (before.phase is Phase.PROMOTING and sum(weights) == 0)
        assert sum(weight for _, weight in plan.shares) == sum(weights)
    assert len({model.version for model in plan.versions}) == len(plan.versions)
    assert status.phase in LEGAL[before.phase], f"{before.phase} to {status.phase}"
    assert (status.ending is not None) == (status.phase in (Phase.PROMOTING, Phase.ROLLING_BACK))
    assert answer.decision.reason
    assert answer.decision.message


def run(seed: int, ticks: int) -> NoisyWorld:
    """Live through it."""
    dice = random.Random(seed)
    kind = dice.choice(list(STRATEGIES))
    first = rollout("1", strategy=STRATEGIES[kind], checks=checks(some(dice, kind)))
    world = NoisyWorld(first, seed)
    for _ in range(4):
        world.tick()
    edit(dice, world)
    for _ in range(ticks):
        ask = anything(dice, world) if dice.random() < 0.5 else None
        before = world.status
        check(before, world.tick(ask))
        if dice.random() < 0.2:
            restart(world)
    return world


def settle(world: NoisyWorld) -> None:
    """Let the world be well again, and have somebody say abort until nothing is under way."""
    world.platform.states.clear()
    world.metrics.models.clear()
    world.metrics.problem = world.platform.down = ""
    world.platform.slow = False
    for _ in range(3):
        if world.status.candidate is None:
            break
        world.tick(Ask(Wish.ABORT, f"abort-{world.clock.now}", "ada"))
        for _ in range(10):
            before = world.status
            check(before, world.tick())
    assert world.status.candidate is None, world.status.decision
    assert world.status.phase in (Phase.HEALTHY, Phase.ROLLED_BACK)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_it_never_raises_never_loses_users_and_can_always_be_ended(seed: int) -> None:
    settle(run(seed, 50))


@pytest.mark.parametrize("seed", [3, 53])
def test_a_longer_life_of_faults_has_an_end(seed: int) -> None:
    settle(run(seed, 80))
