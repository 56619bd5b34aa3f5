"""The conditions say the same as the decision, for `kubectl wait`, GitOps and alerts."""

from __future__ import annotations

import pytest

from headrace.api import Condition, Gate
from headrace.engine.gates import Opening
from headrace.engine.observations import VersionState, Wish
from tests.unit.engine.rollouts import World, live, rollout

DOWN = VersionState(wanted=1, ready=0)


def condition(world: World, kind: str) -> Condition:
    return next(c for c in world.status.conditions if c.type == kind)


def states(world: World) -> dict[str, str]:
    return {c.type: c.status for c in world.status.conditions}


def trying(**keywords: str) -> World:
    world = live(**({"steps": "[{weight: 50, hold: 10m}]"} | keywords))
    world.want("2")
    world.until("StepHolds")
    world.until("StepHolds")
    return world


def test_at_rest_everything_is_well_and_nothing_is_under_way() -> None:
    assert states(live()) == {
        "Ready": "True",
        "Progressing": "False",
        "Healthy": "True",
        "DataAvailable": "Unknown",
        "Stalled": "False",
        "ServersHealthy": "True",
    }


def test_a_rollout_under_way_says_so() -> None:
    said = states(trying())
    assert (said["Ready"], said["Progressing"], said["Healthy"]) == ("True", "True", "True")
    assert (said["DataAvailable"], said["Stalled"]) == ("True", "False")


def test_before_a_first_version_nobody_is_served() -> None:
    world = World(rollout("1"))
    world.platform.states["1"] = DOWN
    world.tick()
    assert condition(world, "Ready").status == "False"
    assert condition(world, "Ready").reason == "NoStableVersion"


def test_a_stable_version_without_servers_is_not_ready() -> None:
    world = live()
    world.platform.states["1"] = DOWN
    world.tick()
    assert condition(world, "Ready").reason == "StableNotReady"


def test_a_version_that_was_rolled_back_is_not_healthy_while_users_are_served() -> None:
    world = trying()
    world.metrics.script.candidate_errors = 0.4
    world.until("ErrorRateWorse")
    for _ in range(10):
        world.tick()
    said = states(world)
    assert (said["Ready"], said["Healthy"], said["Progressing"]) == ("True", "False", "False")
    assert condition(world, "Healthy").reason == "ErrorRateWorse"


@pytest.mark.parametrize("mode", ["Observe", "Advise"])
def test_a_check_that_fails_is_not_healthy_in_any_mode(mode: str) -> None:
    world = trying(more=f", mode: {mode}")
    world.metrics.script.candidate_errors = 0.4
    for _ in range(10):
        world.tick()
    assert condition(world, "Healthy").status == "False"


def test_missing_data_is_no_harm_and_stalls_only_after_long() -> None:
    world = trying()
    world.metrics.problem = "Prometheus is down"
    world.tick()
    data = condition(world, "DataAvailable")
    assert (data.status, data.reason) == ("False", "PrometheusUnavailable")
    assert states(world)["Healthy"] != "False"
    assert condition(world, "Stalled").status == "False"
    for _ in range(45):
        world.tick()
    assert condition(world, "Stalled").reason == "PrometheusUnavailable"
    world.metrics.problem = ""
    world.tick()
    assert condition(world, "Stalled").status == "False"


class TestItIsStalled:
    def test_when_a_pause_has_lasted_longer_than_the_rollout_may(self) -> None:
        world = trying(more=", maxDuration: 20m")
        world.ask(Wish.PAUSE)
        for _ in range(70):
            assert condition(world, "Stalled").status == "False"
            world.tick()
        for _ in range(15):
            world.tick()
        assert condition(world, "Stalled").reason == "PausedByPerson"
        world.ask(Wish.RESUME)
        assert condition(world, "Stalled").status == "False"

    def test_when_the_platform_has_not_answered_for_long(self) -> None:
        world = trying()
        world.platform.down = "the API server does not answer"
        for _ in range(45):
            world.tick()
        stalled = condition(world, "Stalled")
        assert (stalled.status, stalled.reason) == ("True", "PlatformUnavailable")

    def test_when_servers_have_not_become_ready_for_long(self) -> None:
        world = live()
        world.want("2")
        world.platform.states["2"] = DOWN
        for _ in range(20):
            world.tick()
        assert condition(world, "Stalled").status == "False"
        for _ in range(25):
            world.tick()
        assert condition(world, "Stalled").reason == "CandidateNotReady"

    def test_when_the_router_does_not_move_the_users_of_a_version_that_was_rolled_back(
        self,
    ) -> None:
        world = trying()
        world.platform.slow = True
        world.ask(Wish.ABORT)
        for _ in range(4):
            assert condition(world, "Stalled").status == "False"
            world.tick()
        world.tick()
        stalled = condition(world, "Stalled")
        assert (stalled.status, stalled.reason) == ("True", "TrafficNotMoved")
        assert "for more than 1m the router has not moved the users" in stalled.message
        world.platform.slow = False
        world.tick()
        world.tick()
        assert condition(world, "Stalled").status == "False"

    def test_when_a_gate_has_not_answered_for_long_but_not_when_it_says_no(self) -> None:
        world = live(steps="[{weight: 50, hold: 60s}]")
        world.edit(gates=[Gate(name="g", url="https://g.example.com")])
        world.want("2")
        for opening, stalled in ((Opening.CLOSED, "False"), (Opening.UNKNOWN, "True")):
            world.openings = {"g": opening}
            world.until(f"Gate{opening}")
            for _ in range(50):
                world.tick()
            assert condition(world, "Stalled").status == stalled


def test_a_condition_knows_its_generation_and_since_when() -> None:
    world = trying()
    metadata = world.rollout.metadata.model_copy(update={"generation": 4})
    world.rollout = world.rollout.model_copy(update={"metadata": metadata})
    began = condition(world, "Ready").last_transition_time
    world.tick()
    assert world.status.observed_generation == 4
    assert {c.observed_generation for c in world.status.conditions if c.type != "Provable"} == {4}
    assert condition(world, "Ready").last_transition_time == began


def test_while_nothing_new_happens_only_progressing_changes_its_words() -> None:
    world = trying()
    before = {c.type: c for c in world.status.conditions}
    world.tick()
    changed = [c.type for c in world.status.conditions if c != before[c.type]]
    assert changed == ["Progressing"]
