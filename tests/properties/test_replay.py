"""A real recording, replayed by a controller that is down now and then."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import ModelRollout
from headrace.engine.decision import Action
from headrace.engine.observations import Metric
from headrace.metrics.recording import RawSeries, Samples
from tests.unit.simulate.test_replay import BEGAN, BETTER, EDITS, Controller, edited, of


def steady_weight() -> ModelRollout:
    """Give a plan that does not change within the recording."""
    changed = of(BETTER, "release-2")[0].model_dump(mode="json")
    changed["spec"]["strategy"]["canary"]["steps"] = [{"weight": 50, "hold": "10m"}]
    return ModelRollout.model_validate(changed)


@lru_cache
def all_requests() -> dict[str, int]:
    """Count what there is in the recording until the tests end."""
    whole = Controller(steady_weight(), of(BETTER, "release-2")[1])
    while whole.replay.now < BEGAN + 44:
        whole.replay.tick()
    return whole.status.requests.model_dump()


@EDITS
def test_a_controller_that_was_down_has_the_same_evidence_to_the_bit(
    edit: Callable[[RawSeries], Samples],
) -> None:
    rollout, recording = steady_weight(), edited(of(BETTER, "release-2")[1], edit)
    steady, down = Controller(rollout, recording), Controller(rollout, recording)
    for controller in (steady, down):
        for _ in range(4):
            controller.replay.tick()
    while steady.replay.now < BEGAN + 44:
        steady.replay.tick()
    for seconds in (0.0, 5.0, 13.0, 2.0):
        down.restart(seconds)
        down.replay.tick()
    while down.replay.now < BEGAN + 44:
        down.replay.tick()
    assert down.status.checks == steady.status.checks
    assert down.status.requests == steady.status.requests
    # What stable's servers failed is asked for only until the candidate has data.
    for controller in (steady, down):
        controller.status.watermarks.pop(Metric.SERVED, None)
    assert down.status.watermarks == steady.status.watermarks
    assert steady.status.checks[1].candidate_samples > 200


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9), st.booleans())
def test_whatever_scrapes_are_lost_nothing_is_counted_twice_and_nobody_rolled_back(
    seed: int, lost: float, nonsense: bool
) -> None:
    rollout, recording = steady_weight(), of(BETTER, "release-2")[1]

    def damaged(one: RawSeries) -> Samples:
        dice = np.random.default_rng(crc32(f"{one.labels['instance']} {seed}".encode()))
        gone = dice.random(len(one.samples.times)) < lost
        # An interval across the beginning would count as after it.
        gone &= one.samples.times > BEGAN + 2
        if not nonsense:
            return Samples(one.samples.times[~gone], one.samples.values[~gone])
        return Samples(one.samples.times, np.where(gone, np.nan, one.samples.values))

    partly = Controller(rollout, edited(recording, damaged))
    while partly.replay.now < BEGAN + 44:
        assert partly.replay.tick().action != Action.ROLL_BACK
    counted = partly.status.requests.model_dump()
    assert {name: most for name, most in all_requests().items() if counted[name] > most} == {}


def single_samples_lost(seed: int, absent: bool) -> Callable[[RawSeries], Samples]:
    """Lose 60 % of each target's scrapes, and 5 % of the samples of each series by itself."""

    def damaged(one: RawSeries) -> Samples:
        times, values = one.samples.times, one.samples.values.astype(float)
        after = times > BEGAN + 2
        scrapes = np.random.default_rng(crc32(f"{one.labels['instance']} {seed}".encode()))
        kept = ~((scrapes.random(len(times)) < 0.6) & after)
        own = np.random.default_rng(crc32(f"{sorted(one.labels.items())} {seed}".encode()))
        gone = (own.random(len(times)) < 0.05) & after
        if absent:
            return Samples(times[kept & ~gone], values[kept & ~gone])
        return Samples(times[kept], np.where(gone, np.nan, values)[kept])

    return damaged


@pytest.mark.parametrize("absent", [False, True], ids=["NaN", "absent"])
def test_buckets_that_miss_single_samples_make_no_candidate_slower(absent: bool) -> None:
    rollout, recording = steady_weight(), of(BETTER, "release-2")[1]
    # 31 and 80 rolled back when each bucket was read by itself.
    for seed in (*range(29, 33), 80):
        partly = Controller(rollout, edited(recording, single_samples_lost(seed, absent)))
        while partly.replay.now < BEGAN + 44:
            assert partly.replay.tick().action != Action.ROLL_BACK, seed
