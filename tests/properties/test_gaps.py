"""Evidence is the same to the bit however often one looks, for several candidates too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.api import Status
from tests.unit.engine.examples import SPECS
from tests.unit.engine.noisy import NoisyWorld, noisy

AB = "abTest: {goal: reward, minimumEffect: 0.01, maxDuration: 1d}"
NAMES = [str(spec["name"]) for spec in SPECS if spec["name"] != "memory"]
"""All but the gauge, of which nobody can read the past."""


def evidence(status: Status) -> dict[str, object]:
    return {
        "goal": status.goal,
        "requests": [status.requests, *(c.requests for c in status.challengers)],
        "watermarks": status.watermarks,
        "checks": [
            (check.name, check.state, check.harm, check.proof, check.held, check.outcome)
            for checks in (status.checks, *(c.checks for c in status.challengers))
            for check in checks
        ],
    }


def begun(seed: int, challengers: str) -> NoisyWorld:
    world = noisy(AB, NAMES, seed=seed, challengers=challengers)
    for _ in range(4):
        world.tick()
    assert world.status.carried_since is not None
    return world


@pytest.mark.parametrize("challengers", ["", "34"], ids=["A/B", "A/B/C/D"])
@settings(max_examples=3, deadline=None)
@given(looks=st.lists(st.booleans(), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_gaps_and_restarts_leave_the_same_evidence_to_the_bit(
    challengers: str, looks: list[bool], seed: int
) -> None:
    steady, rare = begun(seed, challengers), begun(seed, challengers)
    for looked in [*looks, True]:
        steady.tick()
        rare.pass_time()
        if looked:
            rare.look()
    assert evidence(rare.status) == evidence(steady.status)


@pytest.mark.parametrize("challengers", ["", "34"], ids=["one candidate", "three"])
def test_all_candidates_are_read_with_one_request(challengers: str) -> None:
    world = begun(1, challengers)
    world.metrics.calls = 0
    world.tick()
    assert world.metrics.calls == 1
