"""The whole engine on a small world: what it decides, and what it never does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import Outcome, Phase, Traffic
from headrace.engine.decide import wanted_metrics
from headrace.engine.decision import Action
from headrace.engine.observations import Metric, VersionState, Wish
from tests.unit.engine.rollouts import World, live, rollout

STABLE = Traffic(stable=100)
GONE = VersionState(wanted=1, ready=0)


def test_the_first_version_goes_live_as_soon_as_it_is_ready() -> None:
    world = World(rollout("1"))
    world.platform.states["1"] = GONE
    assert world.tick().decision.reason == "FirstVersionStarts"
    assert world.tick().decision.reason == "WaitingForServers"
    world.platform.states.clear()
    assert world.until("FirstVersionLive").status.phase is Phase.HEALTHY
    assert world.status.stable == world.rollout.spec.model
    assert [entry.outcome for entry in world.status.history] == ["Live"]


def test_a_healthy_candidate_is_mirrored_to_then_gets_more_and_more_and_is_promoted() -> None:
    world = live()
    world.want("2")
    assert world.until("ProvedSafe").decision.action is Action.PROMOTE
    world.until("Live")
    traffic = [plan.traffic for plan in world.platform.plans]
    assert traffic == [
        STABLE,
        STABLE,
        Traffic(stable=100, mirror=100),
        Traffic(stable=95, candidate=5),
        Traffic(stable=50, candidate=50),
        Traffic(candidate=100),
        STABLE,
    ]
    assert world.status.stable is not None
    assert world.status.stable.version == "2"
    entry = world.status.history[-1]
    assert (entry.version, entry.outcome, entry.previous) == ("2", "Promoted", "1")
    assert entry.requests.candidate > 0
    assert entry.requests.mirrored > 0


def test_what_stables_servers_did_is_asked_for_until_the_candidate_has_data() -> None:
    world = live()
    world.want("2")
    world.tick()
    assert Metric.SERVED in wanted_metrics(world.rollout.spec, world.status)
    world.until("StepHolds")
    world.tick()
    assert world.status.checks[0].observed_until is not None
    wanted = wanted_metrics(world.rollout.spec, world.status)
    assert wanted == (Metric.REQUESTS, Metric.MIRRORED)


def test_a_bad_candidate_is_rolled_back_while_it_is_only_mirrored_to() -> None:
    world = live()
    world.metrics.script.candidate_errors = 0.2
    world.want("2")
    answer = world.until("ErrorRateWorse")
    assert answer.decision.action is Action.ROLL_BACK
    assert answer.plan.traffic == STABLE
    world.until("Live", "ErrorRateWorse")
    while world.status.phase is not Phase.ROLLED_BACK:
        world.tick()
    assert world.status.history[-1].requests.candidate == 0
    assert world.status.history[-1].requests.failed_mirrored > 0


def test_a_version_that_was_rolled_back_stays_out_until_another_one_is_named() -> None:
    world = live()
    world.metrics.script.candidate_errors = 0.2
    world.want("2")
    world.until("ErrorRateWorse")
    for _ in range(50):
        assert world.tick().decision.reason == "ErrorRateWorse"
    assert world.status.phase is Phase.ROLLED_BACK
    world.metrics.script.candidate_errors = 0.01
    world.want("3")
    assert world.until("ProvedSafe").status.candidate is not None


def test_a_version_that_was_rolled_back_may_be_retried() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.ask(Wish.ABORT)
    while world.status.phase is not Phase.ROLLED_BACK:
        world.tick()
    assert world.status.history[-1].by == "ada"
    assert world.ask(Wish.RETRY).decision.reason == "RolloutStarts"


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda w: setattr(w.metrics, "problem", "down"), id="Prometheus is down"),
        pytest.param(
            lambda w: setattr(w.metrics.script, "requests", 0.0), id="there is no traffic"
        ),
    ],
)
def test_missing_data_holds_for_ever_and_goes_on_when_it_is_back(break_it: object) -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    before = world.status.step
    assert callable(break_it)
    break_it(world)
    for _ in range(300):
        answer = world.tick()
        assert answer.decision.action is Action.HOLD
    assert world.status.step == before
    assert world.status.checks[0].outcome in (Outcome.ERROR, Outcome.NO_DATA)
    world.metrics.problem, world.metrics.script.requests = "", 600.0
    world.until("ProvedSafe")


@pytest.mark.parametrize(
    ("policy", "phase"), [("Pause", Phase.PAUSED), ("RollBack", Phase.ROLLED_BACK)]
)
def test_missing_data_pauses_or_rolls_back_only_when_the_user_says_so(
    policy: str, phase: Phase
) -> None:
    world = live(more=f", onNoData: {policy}")
    world.want("2")
    world.until("StepHolds")
    world.metrics.problem = "down"
    for _ in range(20):
        world.tick()
    assert world.status.phase is phase


def test_a_platform_that_does_not_answer_holds() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.platform.down = "the API server does not answer"
    for _ in range(20):
        assert world.tick().decision.action is Action.HOLD
    assert "does not answer" in world.tick().decision.message
    world.platform.down = ""
    world.until("ProvedSafe")


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        pytest.param("[{weight: 5, hold: 60s}]", Traffic(stable=95, candidate=5), id="users"),
        pytest.param("[{mirror: 100, hold: 60s}]", Traffic(stable=100, mirror=100), id="copies"),
    ],
)
def test_a_candidate_gets_no_traffic_before_its_numbers_can_be_read(
    steps: str, first: Traffic
) -> None:
    world = live(steps=steps)
    world.metrics.problem = "Prometheus does not answer"
    world.want("2")
    world.tick()
    for _ in range(40):
        answer = world.tick()
        assert (answer.decision.reason, answer.plan.traffic) == ("PrometheusUnavailable", STABLE)
    assert "2 gets no traffic until its numbers are read" in answer.decision.message
    world.metrics.problem = ""
    assert world.tick().plan.traffic == first
    world.until("ProvedSafe")


@pytest.mark.parametrize(
    ("policy", "phase"),
    [("Hold", Phase.PROGRESSING), ("Pause", Phase.PROGRESSING), ("RollBack", Phase.ROLLED_BACK)],
)
def test_without_traffic_it_waits_for_numbers_unless_it_is_to_go(policy: str, phase: Phase) -> None:
    world = live(more=f", onNoData: {policy}")
    world.metrics.problem = "Prometheus does not answer"
    world.want("2")
    for _ in range(30):
        assert world.tick().plan.traffic == STABLE
    assert world.status.phase is phase


def test_a_candidate_that_has_users_keeps_them_while_no_numbers_can_be_read() -> None:
    world = live(steps="[{weight: 5, hold: 60s}, {weight: 50, hold: 60s}]")
    world.want("2")
    world.until("StepHolds")
    carried = world.platform.traffic
    world.metrics.problem = "Prometheus does not answer"
    assert world.tick().decision.action is Action.HOLD
    assert world.platform.traffic == carried


def test_a_candidate_whose_servers_are_gone_gets_no_traffic_until_they_are_back() -> None:
    world = live()
    world.want("2")
    while world.platform.traffic != Traffic(stable=50, candidate=50):
        world.tick()
    world.platform.states["2"] = GONE
    answer = world.tick()
    assert (answer.decision.reason, answer.plan.traffic) == ("CandidateNotReady", STABLE)
    world.platform.states.clear()
    world.until("ProvedSafe")


def test_a_candidate_that_keeps_crashing_is_rolled_back() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.platform.states["2"] = VersionState(wanted=1, ready=0, restarts=4)
    assert world.tick().decision.reason == "CandidateKeepsCrashing"


def test_a_bundle_that_is_refused_is_rolled_back_and_says_why() -> None:
    world = live()
    world.want("2")
    world.platform.states["2"] = VersionState(1, 0, refused="DigestMismatch: its bytes differ")
    decision = world.until("DigestMismatch").decision
    assert (decision.action, decision.message) == (Action.ROLL_BACK, "its bytes differ")


def test_an_approval_waits_for_a_person_however_long_it_takes() -> None:
    world = live(steps="[{weight: 5, hold: 60s}, {approval: {}}, {weight: 50, hold: 60s}]")
    world.want("2")
    world.until("WaitingForApproval")
    for _ in range(100):
        assert world.tick().plan.traffic == Traffic(stable=95, candidate=5)
    assert world.ask(Wish.PROMOTE).decision.reason == "Approved"
    assert world.until("ProvedSafe").decision.action is Action.PROMOTE


def test_a_check_that_fails_while_paused_still_rolls_back() -> None:
    world = live(steps="[{weight: 50, hold: 60s}, {approval: {}}]")
    world.want("2")
    world.until("WaitingForApproval")
    world.metrics.script.candidate_errors = 0.3
    assert world.until("ErrorRateWorse").decision.action is Action.ROLL_BACK


def test_a_person_may_promote_without_proof_and_the_history_says_who() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.ask(Wish.PROMOTE_FULL)
    world.until("Live")
    assert (world.status.history[-1].outcome, world.status.history[-1].by) == ("Promoted", "ada")


def test_a_request_of_a_person_is_carried_out_once() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.ask(Wish.ABORT)
    identity = world.status.asked
    while world.status.phase is not Phase.ROLLED_BACK:
        world.tick()
    world.want("3")
    world.until("StepHolds")
    assert world.status.asked == identity
    world.until("ProvedSafe")


def test_naming_the_stable_version_again_ends_the_rollout() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.want("1")
    assert world.tick().decision.reason == "Superseded"
    world.until("Live")
    assert world.status.history[-1].outcome == "Superseded"
    assert world.status.rejected is None


def test_a_third_version_takes_the_place_of_the_second() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.want("3")
    world.until("ProvedSafe")
    world.until("Live")
    assert [entry.outcome for entry in world.status.history] == ["Live", "Superseded", "Promoted"]


def test_without_proof_it_holds_until_its_time_is_up_and_then_pauses() -> None:
    world = live(more=", maxDuration: 10m")
    world.metrics.script.requests = 12.0
    world.want("2")
    answer = world.until("Inconclusive")
    assert answer.decision.action is Action.PAUSE
    assert "neither harm nor safety" in answer.decision.message


@pytest.mark.parametrize("mode", ["Observe", "Advise"])
def test_no_mode_but_enforce_rolls_back_by_itself(mode: str) -> None:
    world = live(more=f", mode: {mode}")
    world.metrics.script.candidate_errors = 0.3
    world.want("2")
    for _ in range(100):
        assert world.tick().decision.action is not Action.ROLL_BACK
    assert world.status.checks[0].outcome is Outcome.FAIL
    assert world.status.phase is not Phase.HEALTHY


def test_the_second_call_with_the_same_input_asks_for_the_same_world() -> None:
    world = live()
    world.want("2")
    world.until("StepHolds")
    world.metrics.script.requests = 0.0
    first, second = world.tick(), world.tick()
    assert first.plan == second.plan
    assert first.status.step == second.status.step


EVENTS = st.lists(
    st.sampled_from(
        ["tick", "tick", "tick", "bad", "good", "blind", "sight", "gone", "back", "slow", "fast",
         "abort", "retry", "promote", "promote-full", "pause", "resume", "undo", "want 2", "want 3",
         "down", "up"]
    ),
    max_size=40,
)  # fmt: skip


def happen(world: World, event: str) -> None:
    """Let something happen to the world."""
    script, platform = world.metrics.script, world.platform
    if event in ("bad", "good"):
        script.candidate_errors = 0.3 if event == "bad" else 0.01
    elif event in ("blind", "sight"):
        world.metrics.problem = "down" if event == "blind" else ""
    elif event in ("gone", "back"):
        platform.states = dict.fromkeys("23", GONE) if event == "gone" else {}
    elif event in ("slow", "fast"):
        platform.slow = event == "slow"
    elif event in ("down", "up"):
        platform.down = "down" if event == "down" else ""
    elif event.startswith("want"):
        world.want(event[-1])
    elif event in tuple(Wish):
        world.ask(Wish(event))


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_whatever_happens_the_weights_are_whole_and_there_is_a_way_to_an_end(
    events: list[str],
) -> None:
    world = live()
    for event in events:
        happen(world, event)
        answer = world.tick()
        traffic = answer.plan.traffic
        assert traffic.stable + traffic.candidate == 100
        assert min(traffic.stable, traffic.candidate, traffic.mirror) >= 0
        if traffic.candidate or traffic.mirror:
            assert answer.plan.candidate is not None
    for event in ("good", "sight", "back", "fast", "up"):
        happen(world, event)
    world.ask(Wish.ABORT)
    for _ in range(12):
        world.tick()
    if world.status.candidate is not None:
        world.ask(Wish.ABORT)
    for _ in range(12):
        world.tick()
    assert world.status.candidate is None
    assert world.status.phase in (Phase.HEALTHY, Phase.ROLLED_BACK)


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_nothing_but_a_proof_or_a_person_promotes_and_nothing_but_a_failure_rolls_back(
    events: list[str],
) -> None:
    world = live()
    for event in events:
        happen(world, event)
        decision = world.tick().decision
        if decision.action is Action.PROMOTE:
            assert decision.reason in ("ProvedSafe", "PromotedByPerson")
        if decision.action is Action.ROLL_BACK:
            assert decision.reason in (
                "ErrorRateWorse", "Aborted", "Superseded", "CandidateKeepsCrashing", "WentBack",
            )  # fmt: skip
