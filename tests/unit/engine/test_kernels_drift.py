"""The kernels of drift and of means: exactly valid on small blocks."""

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headrace.engine.kernels.categories import Table, log_categories
from headrace.engine.kernels.divergence import (
    divergence,
    log_best_beyond,
    log_close,
    log_contradiction,
    log_drifted,
    project,
)
from headrace.engine.kernels.gaussian import log_gaussian, mean_interval
from headrace.engine.kernels.moved import log_moved, log_not_moved

REFERENCE = (0.5, 0.3, 0.2)
DISTRIBUTIONS = (
    (0.5, 0.3, 0.2),
    (0.2, 0.3, 0.5),
    (0.05, 0.9, 0.05),
    (1.0, 0.0, 0.0),
    (1 / 3, 1 / 3, 1 / 3),
)
RATIOS = ((1.6, 0.6, 0.1), (0.4, 1.0, 2.5), (1.0, 1.0, 1.0), (1.2, 0.2, 1.7))


def outcomes(n: int, probabilities: Sequence[float]) -> Iterator[tuple[list[float], float]]:
    """Every histogram of n values, and its chance."""
    for counts in itertools.product(range(n + 1), repeat=len(probabilities)):
        if sum(counts) == n:
            chance = float(math.factorial(n))
            for count, p in zip(counts, probabilities, strict=True):
                chance *= p**count / math.factorial(count)
            if chance > 0:
                yield [float(count) for count in counts], chance


def shifted(shares: Sequence[float], amount: float, to: int, origin: int) -> list[float]:
    """Move as much of one bin to another as there is, up to an amount."""
    moved = min(amount, shares[origin])
    found = list(shares)
    found[origin] -= moved
    found[to] += moved
    return found


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.3], ids="margin {}".format)
@pytest.mark.parametrize("stable", DISTRIBUTIONS, ids=str)
def test_moved_is_an_e_value_up_to_its_margin(stable: Sequence[float], margin: float) -> None:
    for to, origin in itertools.permutations(range(3), 2):
        candidate = shifted(stable, margin, to, origin)
        means = [0.0] * len(RATIOS)
        for (x_c, of_c), (x_s, of_s) in itertools.product(
            outcomes(2, candidate), outcomes(3, stable)
        ):
            for index, log in enumerate(log_moved(x_c, x_s, RATIOS, margin)):
                means[index] += of_c * of_s * math.exp(log)
        assert max(means) <= 1 + 1e-9


def test_without_a_margin_moved_is_the_e_value_of_equality() -> None:
    x_c, x_s = [3.0, 1.0, 0.0], [5.0, 2.0, 2.0]
    same = log_categories(x_c, x_s, Table.of(RATIOS))
    assert log_moved(x_c, x_s, RATIOS, 0.0) == pytest.approx(list(same))


@pytest.mark.parametrize("more", [0.0, 0.2], ids="{} beyond the margin".format)
@pytest.mark.parametrize("base", [0.0, 0.05, 0.4, 0.7])
def test_not_moved_is_an_e_value_from_its_margin_on(base: float, more: float) -> None:
    margin = 0.1
    candidate = min(base + margin + more, 1.0)
    for share, ratio in itertools.product((0.05, 0.4, 0.9), (0.3, 0.8)):
        mean = 0.0
        for (x_c, of_c), (x_s, of_s) in itertools.product(
            outcomes(3, (candidate, 1 - candidate)), outcomes(3, (base, 1 - base))
        ):
            log = log_not_moved(x_c[0], 3.0, x_s[0], 3.0, share, ratio, margin)
            mean += of_c * of_s * math.exp(log)
        assert mean <= 1 + 1e-9


@pytest.mark.parametrize("tau", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("alternative", [d for d in DISTRIBUTIONS if min(d) > 0], ids=str)
def test_drifted_is_an_e_value_within_the_divergence(
    alternative: Sequence[float], tau: float
) -> None:
    inside = [REFERENCE, *(project(d, REFERENCE, tau) for d in DISTRIBUTIONS if min(d) > 0)]
    for truth in inside:
        assert divergence(REFERENCE, truth) <= tau + 1e-6
        mean = sum(
            chance * math.exp(log_drifted(x, alternative, REFERENCE, tau))
            for x, chance in outcomes(4, truth)
        )
        assert mean <= 1 + 1e-6


@pytest.mark.parametrize("tau", [0.02, 0.2])
def test_close_is_an_e_value_beyond_the_divergence(tau: float) -> None:
    grid = [(a / 20, b / 20, (20 - a - b) / 20) for a in range(21) for b in range(21 - a)]
    beyond = [p for p in grid if divergence(REFERENCE, p) >= tau]
    assert len(beyond) > 100
    for truth in beyond:
        mean = sum(
            chance * math.exp(log_close(x, REFERENCE, tau)) for x, chance in outcomes(5, truth)
        )
        assert mean <= 1 + 1e-9


@given(
    st.lists(st.integers(1, 400), min_size=3, max_size=3),
    st.floats(0.01, 0.5),
    st.lists(st.floats(0.001, 1), min_size=3, max_size=3),
)
def test_no_distribution_beyond_the_divergence_is_likelier_than_the_one_that_is_taken(
    x: list[int], tau: float, weights: list[float]
) -> None:
    """Lagrange's two points against any other."""
    other = [weight / sum(weights) for weight in weights]
    assume(divergence(REFERENCE, other) >= tau)
    likelihood = sum(n * math.log(q) for n, q in zip(x, other, strict=True))
    assert likelihood <= log_best_beyond([float(n) for n in x], REFERENCE, tau) + 1e-6


@pytest.mark.parametrize("counts", [(500.0, 300.0, 200.0), (510.0, 295.0, 195.0)], ids=str)
def test_many_values_like_the_reference_prove_closeness(counts: Sequence[float]) -> None:
    assert log_close(counts, REFERENCE, 0.05) > 3
    assert log_close((0.0, 0.0, 0.0), REFERENCE, 0.05) == 0.0


def test_a_bin_that_was_never_seen_proves_nothing() -> None:
    assert log_close((500.0, 500.0, 0.0), REFERENCE, 0.05) < 0


@pytest.mark.parametrize("effect", [0.03, 0.5, 2.0])
@pytest.mark.parametrize("mean", [0.0, -0.5, -1.0])
def test_gaussian_is_an_e_value_for_coins_of_plus_and_minus_one(effect: float, mean: float) -> None:
    """They are sub-Gaussian with a standard deviation of 1, so it holds for any number of them."""
    for n in (1, 2, 5):
        total = 0.0
        for x, chance in outcomes(n, ((1 + mean) / 2, (1 - mean) / 2)):
            average = (x[0] - x[1]) / n
            total += chance * math.exp(log_gaussian(average, n, [effect])[0])
        assert total <= 1 + 1e-9


def test_a_means_interval_is_around_it_and_narrows() -> None:
    wide, narrow = mean_interval(2.0, 1.0, 100.0), mean_interval(2.0, 1.0, 10_000.0)
    assert wide[0] < narrow[0] < 2.0 < narrow[1] < wide[1]
    assert wide[1] - 2.0 == pytest.approx(2.0 - wide[0])


def test_only_counts_beyond_the_limit_contradict_it_and_more_of_them_more() -> None:
    beyond = (200.0, 300.0, 500.0)
    assert log_contradiction((0.0, 0.0, 0.0), REFERENCE, 0.1) == 0.0
    assert log_contradiction((50.0, 30.0, 20.0), REFERENCE, 0.1) == 0.0
    few = log_contradiction([n / 40 for n in beyond], REFERENCE, 0.1)
    assert 0 < few < 3 < log_contradiction(beyond, REFERENCE, 0.1)
