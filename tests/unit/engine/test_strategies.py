"""Shadow, blue/green, and what a canary can do beside its schedule."""

from __future__ import annotations

import pytest

from headrace.api import Phase, Traffic
from headrace.engine.decision import Action
from headrace.engine.observations import VersionState, Wish
from tests.unit.engine.rollouts import World, live

STABLE = Traffic(stable=100)
COPIES = Traffic(stable=100, mirror=100)
CANDIDATE = Traffic(candidate=100)
DEAD, ALIVE = VersionState(1, 0), VersionState(1, 1)


def traffic_of(world: World) -> list[Traffic]:
    """Give what was asked for, in order, without repetitions."""
    asked = [plan.traffic for plan in world.platform.plans]
    return [t for t, before in zip(asked, [None, *asked], strict=False) if t != before]


def trying(strategy: str, **keywords: str) -> World:
    """Give a world in which version 2 is just wanted beside the live version 1."""
    world = live(strategy=strategy, **keywords)
    world.want("2")
    return world


class TestShadow:
    def test_it_promotes_on_the_proof_from_copies_alone(self) -> None:
        world = trying("shadow: {mirror: 100, hold: 5m, then: Promote}")
        assert world.until("ProvedSafe").decision.action is Action.PROMOTE
        world.until("Live")
        assert traffic_of(world) == [STABLE, COPIES, CANDIDATE, STABLE]

    def test_it_promotes_nothing_that_is_not_proved(self) -> None:
        world = trying("shadow: {mirror: 100, hold: 5m, then: Promote}")
        world.metrics.script.requests = 12.0
        for _ in range(60):
            assert world.tick().decision.action is not Action.PROMOTE

    def test_it_waits_for_a_person(self) -> None:
        world = trying("shadow: {hold: 5m, then: Pause}")
        assert world.until("ShadowHeld").decision.action is Action.PAUSE
        for _ in range(30):
            assert world.tick().plan.traffic == COPIES
        assert world.ask(Wish.PROMOTE).decision.reason == "PromotedByPerson"
        world.until("Live")
        assert world.status.history[-1].outcome == "Promoted"

    def test_it_takes_the_candidate_away_and_does_not_start_it_again(self) -> None:
        world = trying("shadow: {hold: 5m, then: Discard}")
        assert world.until("ShadowHeld").decision.action is Action.DISCARD
        for _ in range(20):
            answer = world.tick()
        assert answer.plan.versions == (world.status.stable,)
        assert world.status.phase is Phase.HEALTHY
        assert world.status.history[-1].outcome == "Discarded"
        assert traffic_of(world) == [STABLE, COPIES, STABLE]

    def test_a_bad_candidate_is_rolled_back_before_its_time(self) -> None:
        world = trying("shadow: {hold: 24h, then: Discard}")
        world.metrics.script.candidate_errors = 0.2
        assert world.until("ErrorRateWorse").decision.action is Action.ROLL_BACK


class TestBlueGreen:
    def test_all_users_switch_at_once_and_the_previous_version_stays_warm(self) -> None:
        world = trying(
            "blueGreen: {prePromotion: {hold: 5m}, postPromotion: {hold: 5m}, keepPrevious: 10m}"
        )
        world.until("ProvedSafe")
        world.until("Watching")
        assert world.status.phase is Phase.PROMOTING
        answer = world.until("Live")
        assert traffic_of(world) == [STABLE, COPIES, CANDIDATE, STABLE]
        assert [v.version for v in answer.plan.versions] == ["2", "1"]
        for _ in range(60):
            answer = world.tick()
        assert [v.version for v in answer.plan.versions] == ["2"]

    def test_an_idle_candidate_is_not_switched_to_without_a_person(self) -> None:
        world = trying("blueGreen: {prePromotion: {hold: 2m, mirror: 0}}")
        assert world.until("NothingProved").decision.action is Action.PAUSE
        assert traffic_of(world) == [STABLE]
        for _ in range(30):
            assert world.tick().plan.traffic == STABLE
        world.ask(Wish.PROMOTE)
        world.until("Live")
        assert world.status.history[-1].by == "ada"

    def test_the_way_back_is_instant_and_the_version_stays_out(self) -> None:
        world = trying("blueGreen: {prePromotion: {hold: 2m}, keepPrevious: 1h}")
        world.until("ProvedSafe")
        world.until("Live")
        answer = world.ask(Wish.ABORT)
        assert (answer.decision.reason, answer.decision.action) == ("WentBack", Action.ROLL_BACK)
        assert [v.version for v in answer.plan.versions] == ["1", "2"]
        assert answer.plan.traffic == STABLE
        for _ in range(20):
            world.tick()
        assert world.status.stable is not None
        assert world.status.stable.version == "1"
        assert world.status.phase is Phase.ROLLED_BACK
        assert world.status.history[-1].by == "ada"

    def test_naming_the_previous_version_again_goes_back_at_once(self) -> None:
        world = trying("blueGreen: {prePromotion: {hold: 2m}, keepPrevious: 1h}")
        world.until("ProvedSafe")
        world.until("Live")
        world.want("1")
        assert world.tick().decision.reason == "WentBack"
        world.until("Live")
        assert world.status.stable == world.rollout.spec.model

    def test_there_is_no_way_back_to_servers_that_are_not_there(self) -> None:
        world = trying("blueGreen: {prePromotion: {hold: 2m}, keepPrevious: 1h}")
        world.until("ProvedSafe")
        world.until("Live")
        world.platform.states["1"] = DEAD
        assert world.ask(Wish.ABORT).decision.reason == "Live"


class TestCanary:
    def test_an_analysis_step_observes_with_the_traffic_of_the_step_before(self) -> None:
        world = trying("canary: {steps: [{weight: 50, hold: 1m}, {analysis: 10m}]}")
        world.until("StepHeld")
        for _ in range(38):
            assert world.tick().plan.traffic == Traffic(stable=50, candidate=50)
        world.until("ProvedSafe")
        assert world.status.elapsed >= 660

    RAMP = (
        "canary: {steps: [{weight: 5, hold: 30m}, {weight: 50, hold: 5m}], ramp: {badRequests: %s}}"
    )

    def test_a_ramp_takes_the_next_weight_once_the_budget_covers_the_worst_case(self) -> None:
        world = trying(self.RAMP % 300)
        answer = world.until("RampAllowed")
        assert world.clock.now - (world.status.started or 0) < 1800
        assert "and 300 are allowed" in answer.decision.message
        world.until("ProvedSafe")

    def test_a_ramp_is_as_slow_as_the_schedule_where_nothing_is_affordable(self) -> None:
        world = trying(self.RAMP % 1)
        # So that one in a hundred of the candidate's requests of a scrape is one that fails.
        world.metrics.script.requests = 2000.0
        world.until("StepHeld")
        assert world.status.elapsed >= 1800

    def test_a_ramp_never_shortens_the_last_step(self) -> None:
        world = trying(self.RAMP % 10**6)
        world.until("RampAllowed")
        began = world.clock.now
        world.until("ProvedSafe")
        assert world.clock.now - began >= 300

    def test_a_ramp_never_shortens_an_analysis(self) -> None:
        steps = "[{weight: 5, hold: 1m}, {analysis: 10m}, {weight: 50, hold: 1m}]"
        world = trying(f"canary: {{steps: {steps}, ramp: {{badRequests: 1000000}}}}")
        world.until("ProvedSafe")
        assert world.status.elapsed >= 720


WATCHED = "canary: {steps: [{weight: 50, hold: 1m}], postPromotion: {hold: 10m}}"


class TestTheWatchAfterTheSwitch:
    def test_the_promotion_is_over_only_when_the_watch_is(self) -> None:
        world = trying(WATCHED)
        world.until("ProvedSafe")
        for _ in range(35):
            answer = world.tick()
            assert answer.status.phase is Phase.PROMOTING
            assert [v.version for v in answer.plan.versions] == ["1", "2"]
        world.until("Live")
        entry = world.status.history[-1]
        assert (entry.outcome, entry.reason) == ("Promoted", "ProvedSafe")

    def test_a_regression_after_the_switch_is_rolled_back_to_the_version_that_is_warm(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.metrics.script.candidate_errors = 0.1
        answer = world.until("ErrorRateWorse")
        assert answer.decision.action is Action.ROLL_BACK
        assert answer.plan.traffic == STABLE
        for _ in range(10):
            world.tick()
        assert world.status.phase is Phase.ROLLED_BACK
        assert world.status.stable is not None
        assert world.status.stable.version == "1"

    def test_what_stable_did_before_is_the_limit(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        assert world.status.ending is not None
        limit = world.status.ending.checks[0].above
        assert isinstance(limit, float)
        assert 0.015 + 0.005 < limit < 0.04

    def test_it_waits_for_data_and_never_rolls_back_without(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.metrics.problem = "down"
        for _ in range(100):
            answer = world.tick()
            assert answer.decision.action is not Action.ROLL_BACK
        assert world.status.phase is Phase.PROMOTING
        world.metrics.problem = ""
        world.until("Live")

    @pytest.mark.parametrize(
        ("wish", "version"), [(Wish.ABORT, "1"), (Wish.PROMOTE, "2")], ids=["back", "at once"]
    )
    def test_a_person_ends_it(self, wish: Wish, version: str) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.ask(wish)
        for _ in range(5):
            world.tick()
        assert world.status.stable is not None
        assert world.status.stable.version == version

    def test_naming_stable_again_takes_it_back(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.want("1")
        assert world.tick().decision.reason == "Superseded"
        world.until("Live")

    def test_a_third_version_ends_it_and_is_compared_with_the_second(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.want("3")
        world.until("RolloutStarts")
        assert world.status.stable is not None
        assert world.status.stable.version == "2"

    def test_it_has_a_quarter_of_the_risk(self) -> None:
        world = trying(WATCHED)
        world.until("Watching")
        world.metrics.script.candidate_errors = 0.3
        world.until("ErrorRateWorse")
        assert world.status.checks[0].harm > 5.99


HALF = Traffic(stable=50, candidate=50)


class TestAPromotionThatFailsHalfWay:
    """Stable's servers, the candidate's, what the router carries: what is asked for."""

    @pytest.mark.parametrize("seen", [HALF, CANDIDATE, None], ids=["half", "all", "unseen"])
    @pytest.mark.parametrize(
        ("stable", "candidate", "reason", "moves_to"),
        [
            pytest.param(ALIVE, ALIVE, "ProvedSafe", CANDIDATE, id="both live: forward"),
            pytest.param(DEAD, ALIVE, "ProvedSafe", CANDIDATE, id="stable died: forward"),
            pytest.param(
                ALIVE, DEAD, "CandidateNotReady", STABLE, id="no server of the candidate: back"
            ),
            pytest.param(
                ALIVE,
                VersionState(1, 0, restarts=4),
                "CandidateKeepsCrashing",
                STABLE,
                id="the candidate crashes on and on: rolled back",
            ),
            pytest.param(
                ALIVE,
                VersionState(1, 0, refused="DigestMismatch: its bytes differ"),
                "DigestMismatch",
                STABLE,
                id="the candidate is refused: rolled back",
            ),
            pytest.param(DEAD, DEAD, "NoVersionReady", None, id="both died: nothing moves"),
            pytest.param(
                DEAD,
                VersionState(1, 0, restarts=4),
                "NoVersionReady",
                None,
                id="both died, one for good: nothing moves",
            ),
        ],
    )
    def test_goes_towards_the_healthy_side(
        self,
        stable: VersionState,
        candidate: VersionState,
        reason: str,
        moves_to: Traffic | None,
        seen: Traffic | None,
    ) -> None:
        world = trying("canary: {steps: [{weight: 50, hold: 1m}]}")
        world.until("ProvedSafe")
        world.platform.slow = True
        world.platform.traffic = seen
        world.platform.states = {"1": stable, "2": candidate}
        answer = world.tick()
        assert answer.decision.reason == reason
        assert answer.plan.traffic == (moves_to or seen or CANDIDATE)

    @pytest.mark.parametrize(
        ("stable", "candidate", "seen", "moves_to"),
        [
            pytest.param(ALIVE, ALIVE, HALF, STABLE, id="both live: back"),
            pytest.param(ALIVE, DEAD, HALF, STABLE, id="the candidate died: back"),
            pytest.param(DEAD, ALIVE, HALF, HALF, id="stable died: users stay"),
            pytest.param(DEAD, ALIVE, STABLE, STABLE, id="stable died with all users: no new ones"),
            pytest.param(DEAD, DEAD, HALF, STABLE, id="both died: back"),
        ],
    )
    def test_a_rollback_never_moves_users_to_nowhere(
        self, stable: VersionState, candidate: VersionState, seen: Traffic, moves_to: Traffic
    ) -> None:
        world = trying("canary: {steps: [{weight: 50, hold: 1m}]}")
        world.until("StepHolds")
        world.ask(Wish.ABORT)
        world.platform.slow = True
        world.platform.traffic = seen
        world.platform.states = {"1": stable, "2": candidate}
        assert world.tick().plan.traffic == moves_to

    def test_a_person_can_go_forward_when_stable_never_comes_back(self) -> None:
        world = trying("canary: {steps: [{weight: 50, hold: 1m}]}")
        world.until("StepHolds")
        world.platform.states = {"1": DEAD}
        world.ask(Wish.ABORT)
        for _ in range(20):
            assert world.tick().plan.traffic == HALF
        world.ask(Wish.PROMOTE)
        for _ in range(5):
            world.tick()
        assert world.status.phase is Phase.HEALTHY
        assert world.status.history[-1].outcome == "Promoted"
