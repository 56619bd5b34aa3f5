"""A real recording, replayed by a controller that is down now and then."""

from __future__ import annotations

from collections.abc import Callable

from headrace.api import ModelRollout
from headrace.metrics.recording import RawSeries, Samples
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
