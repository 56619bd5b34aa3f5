"""Mixtures over effects and onsets, and tempering."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.kernels.mixture import Onsets, grown, log_mean, log_sum

WEIGHTS = tuple(map(math.log, (0.3, 0.7)))
STEPS = st.lists(
    st.tuples(st.floats(-50, 50), st.floats(-50, 50)).map(list), min_size=1, max_size=20
)


def coin(heads: bool) -> list[float]:
    """The logarithms of two e-values of one fair coin."""
    return [math.log(1.6 if heads else 0.4), math.log(1.1 if heads else 0.9)]


def test_before_any_data_there_is_no_evidence() -> None:
    assert Onsets().log_evidence(WEIGHTS) == 0.0
    assert log_mean([], WEIGHTS) == 0.0


@pytest.mark.parametrize("phi", [1.0, 2.5], ids="phi {}".format)
@pytest.mark.parametrize("blocks", [1, 2, 8], ids="{} blocks".format)
def test_the_mean_over_all_coins_is_at_most_one(blocks: int, phi: float) -> None:
    of_onsets = of_effects = 0.0
    for tosses in itertools.product((True, False), repeat=blocks):
        onsets, logs = Onsets(), list[float]()
        for heads in tosses:
            onsets = onsets.grown(coin(heads), phi)
            logs = grown(logs, coin(heads), phi)
        of_onsets += math.exp(onsets.log_evidence(WEIGHTS)) / 2**blocks
        of_effects += math.exp(log_mean(logs, WEIGHTS)) / 2**blocks
    assert of_onsets <= 1 + 1e-12
    assert of_effects <= 1 + 1e-12
    if phi == 1.0:
        assert of_onsets == pytest.approx(1)
        assert of_effects == pytest.approx(1)


@given(STEPS)
def test_the_state_is_the_sum_that_it_stands_for(steps: list[list[float]]) -> None:
    """The recursion against the definition: every onset's own product, weighted."""
    onsets = Onsets()
    for step in steps:
        onsets = onsets.grown(step, 1.0)
    left = [0.25 * 20 / (20 + t) for t in range(len(steps))]
    omegas = [0.75, *(before - after for before, after in itertools.pairwise(left))]
    logs = [math.log(1 - sum(omegas))]
    for effect, weight in enumerate(WEIGHTS):
        for onset, omega in enumerate(omegas):
            product = sum(step[effect] for step in steps[onset:])
            logs.append(weight + math.log(omega) + product)
    assert onsets.log_evidence(WEIGHTS) == pytest.approx(log_sum(logs), rel=1e-9, abs=1e-9)


def test_a_late_onset_need_not_undo_the_evidence_before_it() -> None:
    onsets, logs = Onsets(), list[float]()
    for step in [-1.0] * 60 + [1.0] * 20:
        onsets = onsets.grown([step, step], 1.0)
        logs = grown(logs, [step, step], 1.0)
    assert log_mean(logs, WEIGHTS) == pytest.approx(-40)
    assert onsets.log_evidence(WEIGHTS) > 12


def test_months_of_scrapes_do_not_lose_the_capital_that_waits() -> None:
    onsets = Onsets()
    for _ in range(100_000):
        onsets = onsets.grown([-1.0, -1.0], 1.0)
    assert math.isfinite(onsets.waiting)
    assert math.isfinite(onsets.log_evidence(WEIGHTS))
    for _ in range(30):
        onsets = onsets.grown([200.0, 200.0], 1.0)
    assert onsets.log_evidence(WEIGHTS) > 100
