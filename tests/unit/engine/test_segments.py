"""The goal by segment of the users: counted once, told honestly, and never decided by."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Goal, Rewards, Status, Strategy
from headrace.engine.goal import learn
from headrace.engine.observations import Interval, Metric, Observations, Segments, Sums
from headrace.engine.segments import MOST, OTHER, with_segments
from tests.unit.engine.rollouts import live, rollout

By = dict[str, Sums]

NAMES = st.sampled_from([f"s{number}" for number in range(MOST + 5)] + [OTHER])
EARNED = st.builds(lambda n, share: Sums(float(n), n * share), st.integers(1, 500), st.floats(0, 1))
PARTS = st.dictionaries(NAMES, EARNED, max_size=8)


def status_of(*challengers: str) -> Status:
    return Status.model_validate(
        {
            "stable": rollout("1").spec.model,
            "candidate": rollout("2").spec.model,
            "challengers": [{"model": rollout(v).spec.model} for v in challengers],
            "started": 0.0,
        }
    )


def block(
    end: float, stable: By | None, candidate: By | None, version: str = ""
) -> tuple[Interval, ...]:
    """What the arms earned in one interval, by segment and on the whole."""

    def whole(by: By | None) -> Sums | None:
        if by is None:
            return None
        return Sums(sum(s.count for s in by.values()), sum(s.sum for s in by.values()))

    parts = [None if by is None else Segments(by) for by in (stable, candidate)]
    return (
        Interval(Metric.SEGMENTS, end - 15, end, parts[0], parts[1], version),
        Interval(Metric.REWARD, end - 15, end, whole(stable), whole(candidate), version),
    )


def learned(status: Status, *looks: tuple[Interval, ...]) -> Status:
    for intervals in looks:
        observations = Observations(intervals)
        goal = with_segments(learn(status, observations, 0.02), status, observations)
        status = status.model_copy(update={"goal": goal})
    return status


def goal_of(*looks: tuple[Interval, ...], status: Status | None = None) -> Goal:
    goal = learned(status or status_of(), *looks).goal
    assert goal is not None
    return goal


def totals(goal: Goal) -> dict[str, dict[str, tuple[float, float]]]:
    return {s.name: {a.version: (a.count, a.total) for a in s.arms} for s in goal.segments}


def mean(arm: Rewards) -> tuple[float, float, float]:
    assert arm.interval is not None
    return arm.interval.low, arm.interval.value, arm.interval.high


def test_every_segment_has_what_each_arm_earned_there() -> None:
    goal = goal_of(
        block(15, {"at": Sums(40, 4), "ch": Sums(10, 2)}, {"at": Sums(30, 6)}),
        block(30, {"at": Sums(60, 6)}, {"ch": Sums(20, 5)}),
    )
    assert totals(goal) == {
        "at": {"1": (100, 10), "2": (30, 6)},
        "ch": {"1": (10, 2), "2": (20, 5)},
    }


def test_a_segment_with_one_arm_shows_no_figure_of_the_other() -> None:
    (segment,) = goal_of(block(15, {}, {"at": Sums(40, 4)})).segments
    assert [arm.interval is None for arm in segment.arms] == [True, False]


def test_intervals_are_wider_than_those_of_the_whole_as_they_hold_together() -> None:
    goal = goal_of(block(15, {"at": Sums(400, 40)}, {"at": Sums(400, 60)}))
    for arm, part in zip(goal.arms, goal.segments[0].arms, strict=True):
        whole, own = mean(arm), mean(part)
        assert own[0] < whole[0] < own[1] == whole[1] < whole[2] < own[2]


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [
        pytest.param(None, None, id="nobody was seen"),
        pytest.param({}, {}, id="nothing came back"),
        pytest.param({"at": Sums(0, 0)}, {"at": Sums(0, 0)}, id="only zeros"),
        pytest.param({"at": Sums(40, 4)}, None, id="history before there was a candidate"),
        pytest.param({"at": Sums(9, math.nan)}, {"at": Sums(math.inf, 1)}, id="no numbers"),
    ],
)
def test_without_rewards_nothing_is_told(stable: By | None, candidate: By | None) -> None:
    goal = goal_of(block(15, stable, candidate))
    assert goal.segments == []
    assert goal.segments_message == "no rewards have come back by segment"


class TestTheSentence:
    def test_no_segment_differs_where_all_are_alike(self) -> None:
        alike = {"at": Sums(4000, 480), "ch": Sums(400, 50)}
        goal = goal_of(block(15, {"at": Sums(4000, 400), "ch": Sums(400, 40)}, alike))
        assert goal.segments_message == (
            "no segment differs beyond chance from the whole, where 2 leads "
            "(the intervals of up to 20 segments hold together with 95 %)"
        )

    def test_a_segment_in_which_another_version_earns_more_is_named(self) -> None:
        stable = {"at": Sums(9000, 900), "ch": Sums(4000, 800), "de": Sums(90, 20)}
        better = {"at": Sums(9000, 2700), "ch": Sums(4000, 400), "de": Sums(90, 15)}
        assert goal_of(block(15, stable, better)).segments_message == (
            "on the whole 2 leads, but beyond chance 1 earns more than 2 in ch "
            "(the intervals of up to 20 segments hold together with 95 %)"
        )

    def test_a_version_that_was_dropped_is_no_more_compared(self) -> None:
        dropped = [{"version": "2", "reason": "ErrorRateWorse", "message": "it failed"}]
        status = Status.model_validate(status_of("3").model_dump() | {"dropped": dropped})
        stable = {"at": Sums(9000, 900)}
        goal = goal_of(
            (*block(15, stable, {"at": Sums(9000, 5000)}), *block(15, stable, stable, "3")),
            status=status,
        )
        assert "where 1 leads" in goal.segments_message


def test_the_first_segments_keep_their_places_and_the_rest_is_other() -> None:
    first = {f"s{number}": Sums(100 - number, 1) for number in range(MOST + 3)}
    late = {"late": Sums(10_000, 1), "s0": Sums(5, 0)}
    goal = goal_of(block(15, {}, first), block(30, {}, late))
    assert [segment.name for segment in goal.segments] == [
        *(f"s{number}" for number in range(MOST - 1)),
        OTHER,
    ]
    of_candidate = {name: arms["2"] for name, arms in totals(goal).items()}
    assert of_candidate["s0"] == (105.0, 1.0)
    assert of_candidate[OTHER] == (81.0 + 80.0 + 79.0 + 78.0 + 10_000.0, 5.0)


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=6))
def test_the_same_to_the_bit_however_often_one_looks_and_through_json(
    parts: list[tuple[By, By]],
) -> None:
    blocks = [block(15.0 * i, *each) for i, each in enumerate(parts, 1)]
    steady = status_of()
    for each in blocks:
        steady = Status.model_validate_json(learned(steady, each).model_dump_json(by_alias=True))
    at_once = goal_of(tuple(interval for each in blocks for interval in each))
    assert steady.goal == at_once
    assert len(at_once.segments) <= MOST


def test_segments_that_are_not_asked_for_any_more_are_not_told() -> None:
    world = live(strategy="abTest: {goal: reward, segments: country}")
    world.metrics.script.rewards = {"1": 0.1, "2": 0.1}
    world.metrics.script.segments = {"at": {"1": 0.1, "2": 0.1}}
    world.want("2")
    world.until("Comparing")
    world.tick()
    assert world.status.goal is not None
    assert world.status.goal.segments
    world.edit(strategy=Strategy.model_validate({"abTest": {"goal": "reward"}}))
    goal = world.tick().status.goal
    assert goal is not None
    assert (goal.segments, goal.segments_message) == ([], "")


MEAN = st.floats(0, 1)
BY_SEGMENT = st.dictionaries(
    NAMES, st.fixed_dictionaries({"1": MEAN, "2": MEAN}), min_size=1, max_size=4
)


@pytest.mark.parametrize("then", ["KeepStable", "Promote"])
@given(rewards=st.fixed_dictionaries({"1": MEAN, "2": MEAN}), segments=BY_SEGMENT)
def test_segments_never_change_a_decision(
    then: str, rewards: dict[str, float], segments: dict[str, dict[str, float]]
) -> None:
    told = []
    for option in ("", "segments: country, "):
        world = live(
            strategy=f"abTest: {{goal: reward, {option}maxDuration: 3m, ifInconclusive: {then}}}"
        )
        world.metrics.script.rewards = dict(rewards)
        world.metrics.script.segments = segments
        world.want("2")
        ticks = [world.tick() for _ in range(16)]
        told.append([(tick.decision, tick.plan, tick.verdicts) for tick in ticks])
        seen = [t.status.goal.segments for t in ticks if t.status.goal]
        assert any(seen) == bool(option)
    assert told[0] == told[1]
