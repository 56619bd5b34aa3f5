"""Restarts, ends for lack of memory and readiness: counted since the rollout began."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Condition, Status
from headrace.engine.decision import Action
from headrace.engine.observations import VersionState, Wish
from headrace.engine.observations import World as Seen
from headrace.engine.servers import CALM, begun, in_a_row, note_servers, servers_of
from tests.unit.engine.rollouts import World, live, rollout


def condition(world: World) -> Condition:
    return next(c for c in world.status.conditions if c.type == "ServersHealthy")


def crashed(restarts: int, ready: int = 1, wanted: int = 1, oom_kills: int = 0) -> VersionState:
    return VersionState(
        wanted, ready, restarts=restarts, oom_kills=oom_kills, last_reason="ended by signal 11"
    )


def trying(**keywords: str) -> World:
    world = live(**keywords)
    world.want("2")
    world.until("StepHolds")
    return world


def test_a_single_restart_is_told_of_and_changes_nothing() -> None:
    world = trying()
    assert condition(world).status == "True"
    world.platform.states["2"] = crashed(1)
    answer = world.tick()
    assert answer.decision.action is Action.HOLD
    told = condition(world)
    assert (told.status, told.reason) == ("False", "ServersRestarted")
    assert told.message == "2: its servers restarted once (the last one ended by signal 11)"
    world.until("ProvedSafe")


@pytest.mark.parametrize(
    ("stable", "candidate", "reason"),
    [
        pytest.param(crashed(0), crashed(4, ready=0), "CandidateKeepsCrashing", id="four in a row"),
        pytest.param(crashed(0), crashed(3, ready=0), "CandidateNotReady", id="three may be luck"),
        pytest.param(crashed(0), crashed(4), "StepHolds", id="four, and all of them answer"),
        pytest.param(
            crashed(4), crashed(4, ready=0), "CandidateNotReady", id="stable crashed just as often"
        ),
        pytest.param(
            crashed(0), crashed(5, 0, wanted=5), "CandidateNotReady", id="five servers, once each"
        ),
        pytest.param(
            crashed(0), crashed(16, 4, wanted=5), "CandidateKeepsCrashing", id="one of five, always"
        ),
        pytest.param(crashed(0), crashed(1, oom_kills=1), "StepHolds", id="killed once for memory"),
        pytest.param(
            crashed(0), crashed(2, oom_kills=2), "CandidateOutOfMemory", id="and once again"
        ),
        pytest.param(
            crashed(1, oom_kills=1), crashed(2, oom_kills=2), "StepHolds", id="stable was, too"
        ),
    ],
)
def test_what_happens_to_the_candidate_alone_and_again_ends_the_rollout(
    stable: VersionState, candidate: VersionState, reason: str
) -> None:
    world = trying()
    world.platform.states = {"1": stable, "2": candidate}
    assert world.tick().decision.reason == reason


def test_the_sentence_has_the_numbers() -> None:
    world = trying()
    world.platform.states["2"] = crashed(4, ready=0)
    message = world.tick().decision.message
    assert message == (
        "its servers ended 4 times in a row by themselves, the last one ended by signal 11"
    )


def test_restarts_that_are_far_apart_are_no_row() -> None:
    world = trying(strategy="canary: {steps: [{weight: 50, hold: 12h}]}")
    for restarts in range(1, 7):
        world.platform.states["2"] = crashed(restarts, ready=0)
        assert world.tick().decision.reason == "CandidateNotReady"
        world.platform.states["2"] = crashed(restarts)
        for _ in range(round(CALM / 15) + 1):
            world.tick()
    servers = servers_of(world.status, world.status.candidate)
    assert servers is not None
    assert servers.restarts == 6


def test_one_of_several_candidates_is_dropped() -> None:
    world = live(strategy="abTest: {goal: reward, maxDuration: 1d}")
    world.want("2", "3")
    for _ in range(4):
        world.tick()
    world.platform.states["2"] = crashed(4, ready=0)
    answer = world.tick()
    assert (answer.decision.action, answer.decision.version) == (Action.DROP, "2")
    assert [model.version for model in answer.plan.candidates] == ["3"]


def test_users_of_a_loser_move_to_the_winner_where_stable_has_no_server() -> None:
    world = live(strategy="abTest: {goal: reward, maxDuration: 1d}")
    world.want("2", "3")
    for _ in range(4):
        world.tick()
    world.platform.slow = True
    world.ask(Wish.PROMOTE_FULL)
    world.platform.states["1"] = VersionState(1, 0)
    answer = world.ask(Wish.ABORT)
    assert sum(weight for _, weight in answer.plan.shares) == 100
    assert answer.plan.traffic.challengers == {}


def test_a_rollout_begins_with_no_restarts_of_the_past() -> None:
    world = live()
    world.platform.states["1"] = crashed(40)
    world.want("2")
    world.until("StepHolds")
    world.platform.states["1"] = crashed(41)
    world.tick()
    assert [servers.restarts for servers in world.status.servers] == [1, 0]


def test_a_version_that_is_tried_again_starts_anew() -> None:
    world = trying()
    world.platform.states["2"] = crashed(4, ready=0)
    world.until("CandidateKeepsCrashing")
    for _ in range(6):
        world.tick()
    assert world.status.candidate is None
    world.platform.states["2"] = crashed(0)
    world.ask(Wish.RETRY)
    world.until("ProvedSafe")


COUNTERS = st.lists(st.integers(0, 6), max_size=20)


@given(COUNTERS)
def test_every_restart_counts_once_also_when_the_platform_begins_to_count_anew(
    counters: list[int],
) -> None:
    model = rollout("2").spec.model
    status, expected, last = Status(candidate=model), 0, 0
    for i, counter in enumerate(counters):
        seen = Seen({"2": VersionState(1, 1, restarts=counter)})
        counts = note_servers(status, seen, 15.0 * i)
        status = status.model_copy(update={"servers": counts})
        assert note_servers(status, seen, 15.0 * i) == counts
        assert note_servers(status, Seen(), 15.0 * i) == counts
        expected += counter - last if counter >= last else counter
        last = counter
        servers = servers_of(status, model)
        assert servers is not None
        assert servers.restarts == expected
        assert in_a_row(servers, 15.0 * i) <= expected
        assert begun([servers])[0].restarts == 0
    again = Status.model_validate_json(status.model_dump_json())
    assert again == status


def starting(why: str = "ErrImagePull: not found", ready: int = 0, **keywords: str) -> World:
    world = live(**keywords)
    world.platform.states["2"] = VersionState(wanted=2, ready=ready, waiting=why)
    world.want("2")
    return world


def test_a_candidate_that_never_starts_is_rolled_back_with_the_reason_and_got_no_request() -> None:
    world = starting()
    answer = world.until("CandidateNotReady")
    assert answer.decision.message.startswith(
        "flight-delay 2: 0 of 2 servers ready (ErrImagePull: not found)"
    )
    began = world.clock.now
    answer = world.until("CandidateNeverReady")
    assert 600 <= world.clock.now - began <= 690
    assert answer.decision.action is Action.ROLL_BACK
    assert answer.decision.message == (
        "after 10m to start it has 0 of 2 servers ready (ErrImagePull: not found)"
    )
    assert all(not plan.traffic.live and not plan.traffic.mirror for plan in world.platform.plans)


def test_one_that_is_just_tried_again_is_told_of_by_how_the_last_try_ended() -> None:
    world = starting()
    ended = VersionState(wanted=1, ready=0, restarts=2, last_reason="ended with exit code 1")
    world.platform.states["2"] = ended
    answer = world.until("CandidateNeverReady")
    assert answer.decision.message == (
        "after 10m to start it has 0 of 1 servers ready; the last one ended with exit code 1"
    )


def test_the_time_to_start_is_the_users() -> None:
    world = starting()
    spec = world.rollout.spec
    patient = spec.serving.model_copy(update={"startup_timeout": 3000.0})
    spec = spec.model_copy(update={"serving": patient})
    world.rollout = world.rollout.model_copy(update={"spec": spec})
    began = world.clock.now
    world.until("CandidateNeverReady")
    assert world.clock.now - began > 3000


def test_while_stable_cannot_start_either_the_candidate_is_waited_for() -> None:
    world = starting()
    world.platform.states["1"] = VersionState(wanted=1, ready=0)
    world.until("CandidateNotReady")
    for _ in range(100):
        assert world.tick().decision.reason == "CandidateNotReady"
    world.platform.states["1"] = VersionState(wanted=1, ready=1)
    world.until("CandidateNeverReady", most=1)


def test_a_candidate_that_was_asked_once_is_not_judged_by_its_start() -> None:
    world = trying()
    world.platform.states["2"] = VersionState(wanted=1, ready=0)
    for _ in range(100):
        assert world.tick().decision.reason == "CandidateNotReady"
