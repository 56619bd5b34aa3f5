"""A real recording, replayed by a controller that is down now and then."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import ModelRollout
from headrace.engine.decision import Action
from headrace.errors import InvalidInput
from headrace.metrics.recording import RawSeries, Samples
from headrace.simulate.replayed import replayed
from tests.unit.simulate.test_replay import BEGAN, BETTER, EDITS, Controller, edited, of


@EDITS
def test_a_controller_that_was_down_has_the_same_evidence_to_the_bit(
    edit: Callable[[RawSeries], Samples],
) -> None:
    better = of(BETTER, "release-2")
    changed = better[0].model_dump(mode="json")
    changed["spec"]["strategy"]["canary"]["steps"] = [{"weight": 50, "hold": "10m"}]
    rollout, recording = ModelRollout.model_validate(changed), edited(better[1], edit)
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
    assert down.status.watermarks == steady.status.watermarks
    assert steady.status.checks[1].candidate_samples > 200


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9), st.floats(0, 0.2))
def test_whatever_is_lost_of_a_healthy_rollout_never_rolls_it_back(
    seed: int, lost: float, wrong: float
) -> None:
    rollout, recording = of(BETTER, "release-2")

    def damaged(one: RawSeries) -> Samples:
        target = crc32(f"{one.labels['instance']} {seed}".encode())
        # A scrape is lost for all counters of a target, a sample may be nonsense by itself.
        scrapes = np.random.default_rng(target).random(len(one.samples.times)) >= lost
        dice = np.random.default_rng(crc32(f"{sorted(one.labels.items())} {seed}".encode()))
        values = one.samples.values.copy()
        values[dice.random(len(values)) < wrong] = dice.choice([np.nan, np.inf, -1.0])
        return Samples(one.samples.times[scrapes], values[scrapes])

    try:
        found = replayed(rollout, edited(recording, damaged), stable="1")
    except InvalidInput:
        return
    assert all(one.action != Action.ROLL_BACK for one in found.decisions)
    assert found.decisions
