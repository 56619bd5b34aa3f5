"""A controller that is killed, or not alone: the rollout goes on as if nothing had been."""

from __future__ import annotations

import pytest

from headrace.api import (
    AbTest,
    ModelSpec,
    Phase,
    Strategy,
    Traffic,
)
from tests.unit.controller.bench import (
    Killed,
    live,
    named,
)


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
