"""A/B tests and bandits on the small world."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from headrace.api import Phase, Status, Traffic
from headrace.engine.decide import decide
from headrace.engine.decision import Action
from headrace.engine.goal import best_of, evidence_better, evidence_small
from headrace.engine.observations import Interval, Level, Observations, Problem, Wish
from tests.unit.engine.rollouts import World, live

AB = "abTest: {goal: reward, minimumEffect: 0.02, maxDuration: 6h}"
BANDIT = "bandit: {reward: reward, floor: 5, update: 1m, stop: {expectedLoss: 0.001}}"


def trying(strategy: str, rewards: dict[str, float], candidates: str = "2") -> World:
    """Give a world in which these candidates are just wanted beside the live version 1."""
    world = live(strategy=strategy)
    # So that of the requests of an arm with the floor, one in a hundred of a scrape is one.
    world.metrics.script.requests = 2000.0
    world.metrics.script.rewards = rewards
    world.want(candidates[0], candidates[1:])
    return world


MEMORY = "{name: memory, kind: Value, query: m, above: 2e9}"


def test_a_number_that_cannot_be_read_of_one_candidate_is_not_missed_of_the_others() -> None:
    world = live(strategy=AB, checks=f"[{MEMORY}]")
    world.want("2", "3")
    world.until("NoDataYet")
    now, seen = world.clock.advance(15.0), Level(1e9)
    observations = Observations(
        (Interval("check:memory", now - 15, now, None, seen),),
        problems=(Problem("check:memory", "SeveralSeries", "the query gives 2 series", "3"),),
        world=world.platform.observe(world.rollout),
    )
    status = decide(world.rollout.spec, world.status, observations, now).status
    assert status.checks[0].candidate_samples == 1
    assert status.checks[0].reason == "ValueNotYetSettled"
    assert status.challengers[0].checks[0].reason == "SeveralSeries"


class TestAnAbTest:
    def test_every_arm_gets_the_same_and_users_stay_with_theirs(self) -> None:
        world = trying(AB, {"1": 0.1, "2": 0.1, "3": 0.1}, "23")
        answer = world.until("Comparing")
        assert answer.plan.traffic == Traffic(stable=33, candidate=34, challengers={"3": 33})
        assert answer.plan.sticky is not None
        assert answer.plan.sticky.cookie == "headrace-arm"
        assert [v.version for v in answer.plan.versions] == ["1", "2", "3"]

    def test_the_split_is_what_all_candidates_have_together(self) -> None:
        world = trying("abTest: {goal: reward, split: 25}", {}, "23")
        answer = world.until("Comparing")
        assert answer.plan.traffic == Traffic(stable=75, candidate=13, challengers={"3": 12})

    def test_the_candidate_that_earns_more_wins(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.13})
        answer = world.until("Winner")
        assert answer.decision.action is Action.PROMOTE
        assert "2 is proved to earn more than every other version" in answer.decision.message
        assert "required check is proved" in answer.decision.message
        goal = answer.status.goal
        assert evidence_better(goal, "2", "1") >= math.log(20)
        world.until("Live")
        assert world.status.goal is None

    def test_a_challenger_may_win_and_no_other_is_started_again(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.11, "3": 0.15}, "23")
        assert world.until("Winner").decision.version == "3"
        for _ in range(40):
            answer = world.tick()
        assert world.status.stable is not None
        assert world.status.stable.version == "3"
        assert world.status.phase is Phase.HEALTHY
        assert [v.version for v in answer.plan.versions] == ["3"]
        assert world.status.history[-1].requests.candidate > 0

    def test_stable_may_win(self) -> None:
        world = trying(AB, {"1": 0.15, "2": 0.10})
        assert world.until("StableWins", "NoGainWorthAChange").decision.action is Action.DISCARD
        for _ in range(20):
            answer = world.tick()
        assert answer.plan.traffic == Traffic(stable=100)
        assert world.status.history[-1].outcome == "Discarded"

    def test_it_ends_when_no_gain_is_worth_a_change(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.101})
        answer = world.until("NoGainWorthAChange")
        assert "no candidate gains 0.02 or more, which is proved" in answer.decision.message
        assert evidence_small(answer.status.goal, "2") >= math.log(20)

    def test_nobody_wins_before_the_arms_were_observed_for_long_enough(self) -> None:
        world = trying("abTest: {goal: reward, hold: 2h}", {"1": 0.1, "2": 0.3})
        world.until("Winner", most=600)
        assert world.clock.now - (world.status.started or 0) >= 7200

    @pytest.mark.parametrize(
        ("wish", "action", "version"),
        [
            ("KeepStable", Action.DISCARD, "1"),
            ("Pause", Action.PAUSE, "1"),
            ("Promote", Action.PROMOTE, "2"),
        ],
    )
    def test_without_a_winner_its_user_decides(
        self, wish: str, action: Action, version: str
    ) -> None:
        strategy = f"abTest: {{goal: reward, maxDuration: 30m, ifInconclusive: {wish}}}"
        world = trying(strategy, {"1": 0.100, "2": 0.102})
        world.metrics.script.feedback = 0.1
        answer = world.until("Inconclusive")
        assert answer.decision.action is action
        assert "no version is proved to be better" in answer.decision.message
        for _ in range(10):
            world.tick()
        assert world.status.stable is not None
        assert world.status.stable.version == version

    def test_who_did_best_is_not_promoted_without_the_proof_of_its_checks(self) -> None:
        strategy = "abTest: {goal: reward, maxDuration: 30m, ifInconclusive: Promote}"
        world = trying(strategy, {"1": 0.100, "2": 0.102})
        world.metrics.script.requests = 10.0
        answer = world.until("Inconclusive")
        assert answer.decision.action is Action.DISCARD
        assert "the checks of 2 are not proved" in answer.decision.message

    def test_a_candidate_that_fails_a_check_is_dropped_and_the_others_go_on(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.3, "3": 0.13}, "23")
        world.metrics.script.errors = {"2": 0.1}
        answer = world.until("ErrorRateWorse")
        assert answer.decision.action is Action.DROP
        assert answer.decision.message.startswith("2: errors: ")
        assert answer.plan.traffic == Traffic(stable=67, challengers={"3": 33})
        assert [v.version for v in answer.plan.versions] == ["1", "3"]
        assert world.until("Winner").decision.version == "3"

    def test_when_the_last_candidate_fails_all_is_rolled_back(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.1, "3": 0.1}, "23")
        world.metrics.script.errors = {"2": 0.1, "3": 0.1}
        world.until("ErrorRateWorse")
        while world.status.phase is not Phase.ROLLED_BACK:
            world.tick()
        for _ in range(5):
            assert world.tick().plan.versions == (world.status.stable,)

    def test_missing_rewards_are_not_rewards_of_zero(self) -> None:
        world = trying(AB, {"1": 0.10})
        for _ in range(100):
            answer = world.tick()
        assert answer.decision.reason == "Comparing"
        goal = world.status.goal
        assert evidence_better(goal, "1", "2") == evidence_better(goal, "2", "1") == 0.0

    def test_a_person_promotes_who_earns_most(self) -> None:
        world = trying(AB, {"1": 0.10, "2": 0.10, "3": 0.11}, "23")
        world.until("Comparing")
        world.tick()
        assert world.ask(Wish.PROMOTE_FULL).decision.version == "3"

    def test_another_challenger_begins_a_new_test(self) -> None:
        world = trying(AB, {})
        world.until("Comparing")
        world.want("2", "3")
        assert world.tick().decision.reason == "Superseded"
        world.until("RolloutStarts")
        assert [challenger.model.version for challenger in world.status.challengers] == ["3"]

    def test_challengers_of_the_live_version_are_tested_against_it(self) -> None:
        world = trying(AB, {"1": 0.1, "2": 0.2}, "12")
        assert world.until("Winner").decision.version == "2"

    def test_the_evidence_of_equal_arms_is_of_nothing(self) -> None:
        world = trying("abTest: {goal: reward, minimumEffect: 0.001}", {"1": 0.1, "2": 0.1})
        for _ in range(200):
            world.tick()
        assert best_of(world.status.goal, ("1", "2"), math.log(20)) is None


class TestABandit:
    def test_traffic_follows_the_reward_and_every_arm_keeps_the_floor(self) -> None:
        world = trying(BANDIT, {"1": 0.10, "2": 0.11})
        world.metrics.script.feedback = 0.05
        assert world.until("Learning").plan.traffic == Traffic(stable=50, candidate=50)
        weights = set()
        for _ in range(60):
            traffic = world.tick().plan.traffic
            weights.add(traffic.candidate)
            assert min(traffic.stable, traffic.candidate) >= 5
        assert max(weights) > 60

    def test_the_weights_change_only_with_an_update(self) -> None:
        world = trying(BANDIT, {"1": 0.10, "2": 0.11})
        world.metrics.script.feedback = 0.02
        changes: list[tuple[float, Traffic]] = []
        for _ in range(81):
            traffic = world.tick().plan.traffic
            if not changes or changes[-1][1] != traffic:
                changes.append((world.clock.now, traffic))
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(changes)]
        assert gaps[2:]
        assert all(gap >= 60 for gap in gaps[2:])

    def test_it_stops_when_the_leader_is_expected_to_lose_next_to_nothing(self) -> None:
        world = trying(BANDIT, {"1": 0.10, "2": 0.15})
        answer = world.until("Winner")
        assert answer.decision.action is Action.PROMOTE
        assert "is expected to lose 0.0" in answer.decision.message
        world.until("Live")
        assert world.status.stable is not None
        assert world.status.stable.version == "2"

    def test_it_says_honestly_that_better_is_not_proved(self) -> None:
        strategy = "bandit: {reward: reward, update: 1m, stop: {probabilityBest: 0.7}}"
        world = trying(strategy, {"1": 0.100, "2": 0.104})
        message = world.until("Winner").decision.message
        assert "that 2 earns more than 1 is not proved" in message

    def test_stable_may_stay(self) -> None:
        world = trying(BANDIT, {"1": 0.15, "2": 0.10})
        assert world.until("StableLeads").decision.action is Action.DISCARD

    def test_a_failed_check_takes_an_arm_out_whatever_it_earns(self) -> None:
        world = trying(BANDIT, {"1": 0.1, "2": 0.9, "3": 0.1}, "23")
        world.metrics.script.errors = {"2": 0.1}
        world.until("ErrorRateWorse")
        for _ in range(20):
            traffic = world.tick().plan.traffic
            assert traffic.candidate == 0

    def test_a_restart_at_any_tick_changes_nothing(self) -> None:
        # The world reads its status anew from JSON at every tick; here one does not.
        one, two = (trying(BANDIT, {"1": 0.1, "2": 0.11, "3": 0.09}, "23") for _ in range(2))
        for world in (one, two):
            world.metrics.script.feedback = 0.01
        for index in range(100):
            left, right = one.tick(), two.tick()
            assert left.plan == right.plan
            assert left.status.learning == right.status.learning
            if index % 7 == 0:
                again = Status.model_validate_json(two.status.model_dump_json())
                two.rollout = two.rollout.model_copy(update={"status": again})

    def test_what_was_learned_is_forgotten_with_its_half_life(self) -> None:
        strategy = "bandit: {reward: reward, decay: 10m, stop: {probabilityBest: 0.999999}}"
        world = trying(strategy, {"1": 0.1, "2": 0.1})
        for _ in range(400):
            world.tick()
        learning = world.status.learning
        assert learning is not None
        # In the long run what is left of n a second is n * half-life / ln 2.
        expected = 2000 / 15 * 600 / math.log(2)
        assert sum(arm.count for arm in learning.arms) == pytest.approx(expected, rel=0.02)

    def test_late_rewards_count_when_they_come(self) -> None:
        world = trying(BANDIT, {})
        for _ in range(40):
            assert world.tick().plan.traffic in (
                Traffic(stable=100), Traffic(stable=50, candidate=50),
            )  # fmt: skip
        world.metrics.script.rewards = {"1": 0.1, "2": 0.2}
        world.until("Winner")
