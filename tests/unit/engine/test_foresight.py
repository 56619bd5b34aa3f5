"""What a rollout says of itself before it can say anything of the candidate."""

from __future__ import annotations

import pytest

from headrace.api import Condition, Status
from headrace.engine.decide import decide
from headrace.engine.foresight import PROVABLE
from headrace.engine.observations import Counts, Interval, Metric, Observations, VersionState
from headrace.engine.observations import World as Seen
from tests.unit.engine.rollouts import World, live

READY = {name: VersionState(wanted=1, ready=1) for name in ("1", "2")}


def started(**keywords: str) -> World:
    world = live(**keywords)
    world.want("2")
    world.until("RolloutStarts")
    return world


def past(world: World, requests: float, share: float) -> tuple[Interval, ...]:
    begun = world.status.started
    assert begun is not None
    counts = Counts(round(requests * share), requests)
    return tuple(
        Interval(Metric.REQUESTS, begun - 15.0 * (k + 1), begun - 15.0 * k, counts, None)
        for k in reversed(range(240))
    )


def told(world: World, intervals: tuple[Interval, ...]) -> Status:
    observations = Observations(intervals=intervals, world=Seen(versions=READY))
    now = world.clock.advance(15.0)
    return decide(world.rollout.spec, world.status, observations, now).status


def condition(status: Status) -> Condition | None:
    return next((c for c in status.conditions if c.type == PROVABLE), None)


@pytest.mark.parametrize(
    ("requests", "more", "status", "reason"),
    [
        pytest.param(600.0, "", "True", "ProvableInTime", id="40 requests a second for 6 hours"),
        pytest.param(1.0, "", "False", "NotProvableInTime", id="a request every 15 seconds"),
        pytest.param(600.0, ", maxDuration: 1m", "False", "NotProvableInTime", id="1 minute"),
    ],
)
def test_a_rollout_says_whether_it_can_prove_anything_in_time(
    requests: float, more: str, status: str, reason: str
) -> None:
    world = started(more=more)
    found = condition(told(world, past(world, requests, 0.01)))
    assert found is not None
    assert (found.status, found.reason) == (status, reason)
    assert found.message.startswith("errors: ")
    assert ("cannot be proved" in found.message) == (status == "False")


def test_without_a_past_nothing_is_said() -> None:
    world = started()
    assert condition(told(world, ())) is None


def test_what_was_said_stays_until_the_rollout_ends() -> None:
    world = started()
    status = told(world, past(world, 600.0, 0.01))
    world.rollout = world.rollout.model_copy(update={"status": status})
    said = condition(world.status)
    world.until("StepHeld")
    assert condition(world.status) == said is not None
    world.until("Live")
    assert condition(world.status) is None


def test_a_proof_that_is_not_there_yet_says_how_long_it_takes() -> None:
    world = started()
    world.metrics.script.requests = 60.0
    world.until("ErrorRateNotYetProved")
    decision = world.status.decision
    assert decision is not None
    assert "more at this pace" in decision.message
