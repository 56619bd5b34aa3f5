"""The numbers behind experiments: posterior, weights, and evidence between arms."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import Status
from headrace.engine.goal import evidence_better, evidence_small, learn
from headrace.engine.observations import Interval, Metric, Observations, Sums
from headrace.engine.posterior import believe
from headrace.engine.rewards import sums
from headrace.engine.shares import evenly, whole
from tests.unit.engine.rollouts import rollout

ARMS = st.lists(
    st.tuples(st.floats(0, 1e5), st.floats(0, 1)).map(lambda arm: (arm[0], arm[0] * arm[1])),
    min_size=2,
    max_size=5,
)


class TestThePosterior:
    @pytest.mark.parametrize(
        "arms",
        [
            pytest.param([(0, 0), (0, 0)], id="nothing known"),
            pytest.param([(1000, 100), (1000, 120)], id="two of the same size"),
            pytest.param([(50_000, 5000), (500, 60)], id="one is known much better"),
            pytest.param([(200, 0), (300, 0), (100, 0)], id="nobody earned anything"),
            pytest.param([(10, 10), (20, 19), (30, 28.5)], id="nearly all earn"),
        ],
    )
    def test_it_is_what_draws_would_give(self, arms: list[tuple[float, float]]) -> None:
        belief = believe(arms)
        draws = np.random.default_rng(7).beta(
            [1 + s for _, s in arms], [1 + n - s for n, s in arms], (400_000, len(arms))
        )
        best = np.bincount(draws.argmax(axis=1), minlength=len(arms)) / len(draws)
        highest = draws.max(axis=1).mean()
        loss = (highest - draws.mean(axis=0)) / highest
        assert belief.best == pytest.approx(best, abs=0.004)
        assert belief.loss == pytest.approx(loss, abs=0.004)

    @given(ARMS)
    def test_probabilities_sum_to_one_and_losses_are_shares(
        self, arms: list[tuple[float, float]]
    ) -> None:
        belief = believe(arms)
        assert sum(belief.best) == pytest.approx(1)
        assert all(0 <= p <= 1 for p in belief.best)
        assert all(0 <= loss < 1 for loss in belief.loss)

    @given(ARMS, st.randoms())
    def test_the_order_of_the_arms_does_not_matter(
        self, arms: list[tuple[float, float]], dice: random.Random
    ) -> None:
        order = list(range(len(arms)))
        dice.shuffle(order)
        one, two = believe(arms), believe([arms[i] for i in order])
        assert [one.best[i] for i in order] == pytest.approx(two.best, abs=1e-9)


class TestWeights:
    @given(
        st.dictionaries(st.text("abcdef", min_size=1), st.floats(0, 1), min_size=2, max_size=6),
        st.integers(0, 16),
    )
    def test_they_are_whole_above_the_floor_and_sum_to_a_hundred(
        self, wishes: dict[str, float], floor: int
    ) -> None:
        wishes[min(wishes)] += 0.5
        weights = whole(wishes, floor)
        assert sum(weights.values()) == 100
        assert all(isinstance(weight, int) and weight >= floor for weight in weights.values())
        assert weights.keys() == wishes.keys()
        for one in wishes:
            for two in wishes:
                if wishes[one] >= wishes[two]:
                    assert weights[one] >= weights[two] - 1

    @given(st.integers(0, 100), st.integers(1, 9))
    def test_even_ones_differ_by_one_at_most(self, total: int, arms: int) -> None:
        weights = evenly(total, [str(arm) for arm in range(arms)])
        assert sum(weights.values()) == total
        assert max(weights.values()) - min(weights.values()) <= 1


def status_of(challengers: str = "") -> Status:
    model = rollout("1").spec.model
    return Status.model_validate(
        {
            "stable": model,
            "candidate": rollout("2").spec.model,
            "challengers": [{"model": rollout(v).spec.model} for v in challengers],
            "started": 0.0,
        }
    )


def block(end: float, stable: Sums | None, candidate: Sums | None, version: str = "") -> Interval:
    return Interval(Metric.REWARD, end - 15, end, stable, candidate, version)


def learned(status: Status, *blocks: Interval, least: float | None = 0.02) -> Status:
    for each in blocks:
        goal = learn(status, Observations((each,)), least)
        status = status.model_copy(update={"goal": goal})
    return status


REWARDS = st.builds(
    lambda count, share: Sums(count, count * share), st.floats(0.5, 500), st.floats(0, 1)
)


class TestTheGoal:
    @given(st.lists(st.tuples(REWARDS, REWARDS), max_size=20))
    def test_two_arms_are_never_both_proved_to_be_the_better_one(
        self, blocks: list[tuple[Sums, Sums]]
    ) -> None:
        pairs = (block(15.0 * i, x, y) for i, (x, y) in enumerate(blocks, 1))
        goal = learned(status_of(), *pairs).goal
        proved = [evidence_better(goal, *pair) >= math.log(20) for pair in (("1", "2"), ("2", "1"))]
        assert sum(proved) <= 1

    @pytest.mark.parametrize(
        ("stable", "candidate"),
        [
            pytest.param(None, None, id="nobody was seen"),
            pytest.param(Sums(0, 0), Sums(0, 0), id="nothing came back"),
            pytest.param(Sums(10, 1), None, id="the candidate was not seen"),
            pytest.param(None, Sums(10, 1), id="stable was not seen"),
            pytest.param(Sums(10, math.nan), Sums(10, 1), id="a sum is no number"),
            pytest.param(Sums(10, 1), Sums(math.inf, 1), id="a count is infinite"),
        ],
    )
    def test_no_data_is_no_evidence(self, stable: Sums | None, candidate: Sums | None) -> None:
        goal = learned(status_of(), block(15, stable, candidate)).goal
        assert evidence_better(goal, "2", "1") == evidence_small(goal, "2") == 0.0

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(Sums(10, 11), Sums(10, 10)), (Sums(10, -1), Sums(10, 0)), (Sums(-1, 0), None)],
    )
    def test_sums_are_clamped_to_their_counts(self, value: Sums, expected: Sums | None) -> None:
        assert sums(value) == expected

    def test_the_state_is_the_same_to_the_bit_after_a_way_through_json(self) -> None:
        status = learned(status_of("3"), block(15, Sums(70, 7.3), Sums(30, 4.1)))
        again = Status.model_validate_json(status.model_dump_json())
        more = block(30, Sums(60, 6.1), Sums(40, 3.9))
        assert learned(again, more).goal == learned(status, more).goal
        assert status.goal is not None
        assert json.loads(json.dumps(status.goal.state.opened())) == status.goal.state

    def test_history_decides_only_how_it_is_tempered(self) -> None:
        history = [block(15.0 * i, Sums(40, 4 + 4 * (i % 2)), None) for i in range(1, 241)]
        status = learned(status_of(), *history)
        assert evidence_better(status.goal, "2", "1") == 0.0
        assert status.goal is not None
        assert all(not arm.count for arm in status.goal.arms)

    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 2**32))
    def test_equal_arms_hardly_ever_have_a_winner(self, seed: int) -> None:
        dice = np.random.default_rng(seed)
        wins = 0
        for _ in range(20):
            status = status_of()
            for i in range(1, 60):
                x, y = (Sums(100, float(dice.binomial(100, 0.1))) for _ in range(2))
                status = learned(status, block(15.0 * i, x, y), least=None)
                best = max(evidence_better(status.goal, *pair) for pair in (("1", "2"), ("2", "1")))
                if best >= math.log(1 / 0.05):
                    wins += 1
                    break
        # Two claims at 5 % each: more than 8 of 20 has a probability below 1 in 2,000.
        assert wins <= 8

    def test_the_candidate_that_earns_more_is_found(self) -> None:
        dice = np.random.default_rng(3)
        status = status_of()
        for i in range(1, 400):
            x, y = (Sums(100, float(dice.binomial(100, p))) for p in (0.10, 0.12))
            status = learned(status, block(15.0 * i, x, y))
        assert evidence_better(status.goal, "2", "1") > math.log(20)
        assert evidence_better(status.goal, "1", "2") < 0

    def test_challengers_are_compared_with_each_other(self) -> None:
        status = status_of("3")
        for i in range(1, 100):
            ours = (
                block(15.0 * i, Sums(100, 10), Sums(100, 10)),
                block(15.0 * i, Sums(100, 10), Sums(100, 20), "3"),
            )
            status = status.model_copy(update={"goal": learn(status, Observations(ours), None)})
        assert evidence_better(status.goal, "3", "2") > math.log(20)
        goal = status.goal
        assert goal is not None
        assert [(arm.version, arm.count) for arm in goal.arms] == [
            ("1", 9900.0), ("2", 9900.0), ("3", 9900.0),
        ]  # fmt: skip
