"""The two-share and one-share kernels, by exact enumeration of small blocks."""

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.kernels.affine import log_affine, project
from headrace.engine.kernels.gro import log_gro
from headrace.engine.kernels.one_sample import log_one_sample, odds_times
from headrace.engine.kernels.rare import log_rare
from headrace.engine.kernels.split import log_split

Kernel = Callable[[float, float, float, float], float]

BLOCKS = [(1, 1), (2, 9), (6, 6), (9, 2)]
BASES = [0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.8, 0.97, 1.0]
INSIDE = [1.0, 0.9, 0.5, 0.0]
"""How much of what the limit allows the candidate uses: its edge, and the inside."""


def binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(n + 1)]


def mean(kernel: Kernel, n_c: int, n_s: int, p_c: float, p_s: float) -> float:
    """The mean of the e-value, over every outcome of one block."""
    return sum(
        of_c * of_s * math.exp(kernel(x_c, n_c, x_s, n_s))
        for x_c, of_c in enumerate(binomial(n_c, p_c))
        for x_s, of_s in enumerate(binomial(n_s, p_s))
    )


def means(kernel: Kernel, allowed: Callable[[float], float], *, above: bool) -> list[float]:
    """The means over a grid of a null `p_c <= allowed(p_s)`, or `>=` if above."""
    found = []
    for (n_c, n_s), base, part in itertools.product(BLOCKS, BASES, INSIDE):
        edge = allowed(base)
        if above and edge <= 1:
            p_c = edge + (1 - part) * (1 - edge)
        elif not above:
            p_c = part * min(edge, 1.0)
        else:
            continue
        found.append(mean(kernel, n_c, n_s, p_c, base))
    return found


@pytest.mark.parametrize("limit", [1.0, 1.1, 2.0], ids="limit {}".format)
@pytest.mark.parametrize("ratio", [1.2, 3.0, 12.0], ids="harm x{}".format)
def test_split_is_an_e_value_for_no_worse(limit: float, ratio: float) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_split(x_c, n_c, x_s, n_s, [limit * ratio], limit)[0]

    assert max(means(kernel, lambda p: limit * p, above=False)) <= 1 + 1e-9


@pytest.mark.parametrize("limit", [1.2, 1.5, 3.0], ids="limit {}".format)
@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.15], ids="truth x{}".format)
def test_split_is_an_e_value_for_beyond_the_limit(limit: float, ratio: float) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_split(x_c, n_c, x_s, n_s, [ratio], limit)[0]

    assert max(means(kernel, lambda p: limit * p, above=True)) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("t_c", "t_s"), [(0.02, 0.01), (0.5, 0.1), (0.99, 0.9), (0.3, 0.299)], ids=str
)
def test_gro_is_an_e_value_for_no_worse(t_c: float, t_s: float) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_gro(x_c, n_c, x_s, n_s, t_c, t_s)

    found = means(kernel, lambda p: p, above=False)
    assert max(found) <= 1 + 1e-9
    assert max(found) > 0.99, "a test without power would pass as well"


@pytest.mark.parametrize(
    ("intercept", "slope"), [(0.0, 1.0), (0.0, 1.5), (0.005, 1.5), (0.1, 1.0), (0.3, 2.0)], ids=str
)
@pytest.mark.parametrize(
    ("t_c", "t_s"),
    [(1e-6, 1e-6), (1e-4, 0.01), (0.01, 0.01), (0.2, 0.3), (0.95, 0.9), (0.01, 0.99)],
    ids=str,
)
def test_affine_is_an_e_value_for_beyond_the_limit(
    intercept: float, slope: float, t_c: float, t_s: float
) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_affine(x_c, n_c, x_s, n_s, t_c, t_s, intercept, slope)

    if t_c >= intercept + slope * t_s:
        t_c = 0.9 * (intercept + slope * t_s)
    assert max(means(kernel, lambda p: intercept + slope * p, above=True)) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("intercept", "slope"), [(0.0, 1.0), (0.0, 1.3), (0.005, 1.0), (0.05, 1.5)], ids=str
)
@pytest.mark.parametrize(("t_c", "t_s"), [(0.2, 1e-6), (0.3, 0.1), (0.995, 0.5)], ids=str)
def test_affine_is_an_e_value_for_within_the_limit(
    intercept: float, slope: float, t_c: float, t_s: float
) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_affine(x_c, n_c, x_s, n_s, t_c, t_s, intercept, slope)

    assert max(means(kernel, lambda p: intercept + slope * p, above=False)) <= 1 + 1e-9


@pytest.mark.parametrize("limit", [0.001, 0.02, 0.5, 0.97], ids="limit {}".format)
@pytest.mark.parametrize("factor", [12.0, 1.2, 0.7, 0.01], ids="odds x{}".format)
def test_one_sample_is_an_e_value(limit: float, factor: float) -> None:
    alternative = odds_times(limit, factor)
    assert 0 < alternative < 1
    n = 12
    for part in INSIDE:
        p = part * limit if factor > 1 else limit + (1 - part) * (1 - limit)
        values = [math.exp(log_one_sample(x, n, [alternative], limit)[0]) for x in range(n + 1)]
        found = sum(value * weight for value, weight in zip(values, binomial(n, p), strict=True))
        assert found <= 1 + 1e-9
        assert part < 1 or found == pytest.approx(1)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda x_c, n_c, x_s, n_s: log_split(x_c, n_c, x_s, n_s, [2.0], 1.0)[0],
        lambda x_c, n_c, x_s, n_s: log_gro(x_c, n_c, x_s, n_s, 0.3, 0.1),
        lambda x_c, n_c, x_s, n_s: log_affine(x_c, n_c, x_s, n_s, 0.3, 0.1, 0.0, 1.0),
    ],
    ids=["split", "gro", "affine"],
)
def test_two_blocks_of_one_weight_taken_as_one_are_an_e_value(kernel: Kernel) -> None:
    """A late scrape merges two blocks, whose base rates may differ."""
    exposures, shares = (2, 4, 3, 6), (0.02, 0.02, 0.4, 0.4)
    chances = [binomial(n, p) for n, p in zip(exposures, shares, strict=True)]
    total = 0.0
    for x in itertools.product(*(range(n + 1) for n in exposures)):
        weight = math.prod(chance[seen] for chance, seen in zip(chances, x, strict=True))
        total += weight * math.exp(kernel(x[0] + x[2], 5, x[1] + x[3], 10))
    assert 0.5 < total <= 1 + 1e-9


@given(
    x_c=st.integers(0, 50),
    n_c=st.integers(50, 5000),
    x_s=st.integers(0, 50),
    n_s=st.integers(50, 5000),
    ratio=st.floats(0.1, 20),
)
def test_split_of_swapped_arms_mirrors(
    x_c: int, n_c: int, x_s: int, n_s: int, ratio: float
) -> None:
    here = log_split(x_c, n_c, x_s, n_s, [ratio], 1.5)[0]
    there = log_split(x_s, n_s, x_c, n_c, [1 / ratio], 1 / 1.5)[0]
    assert here == pytest.approx(there, rel=1e-9, abs=1e-9)


@given(
    t_c=st.floats(1e-6, 0.99),
    t_s=st.floats(1e-6, 0.99),
    n_c=st.floats(1, 1e6),
    n_s=st.floats(1, 1e6),
    intercept=st.sampled_from([0.0, 0.001, 0.2]),
    slope=st.floats(0.5, 3),
)
@settings(max_examples=200)
def test_the_projection_lies_on_the_line_and_is_stationary(
    t_c: float, t_s: float, n_c: float, n_s: float, intercept: float, slope: float
) -> None:
    q_c, q_s = project(n_c, n_s, t_c, t_s, intercept, slope)
    assert 0 < q_s < 1
    assert 0 < q_c < 1
    assert q_c == pytest.approx(intercept + slope * q_s)
    pull_c = slope * n_c * (t_c - q_c) / (q_c * (1 - q_c))
    pull_s = n_s * (t_s - q_s) / (q_s * (1 - q_s))
    assert pull_c + pull_s == pytest.approx(0, abs=1e-8 * (1 + abs(pull_c) + n_c + n_s))


def test_with_equal_shares_as_null_affine_is_gro() -> None:
    assert log_affine(7, 40, 5, 300, 0.2, 0.1, 0.0, 1.0) == pytest.approx(
        log_gro(7, 40, 5, 300, 0.2, 0.1)
    )


@pytest.mark.parametrize(
    ("kernel", "p_c", "p_s"),
    [
        (lambda x_c, n_c, x_s, n_s: log_split(x_c, n_c, x_s, n_s, [2.0], 1.0)[0], 0.02, 0.01),
        (lambda x_c, n_c, x_s, n_s: log_gro(x_c, n_c, x_s, n_s, 0.4, 0.25), 0.4, 0.25),
        (
            lambda x_c, n_c, x_s, n_s: log_affine(x_c, n_c, x_s, n_s, 1e-4, 1e-4, 0.005, 1.5),
            0.0,
            0.0,
        ),
        (
            lambda x_c, n_c, x_s, n_s: log_affine(x_c, n_c, x_s, n_s, 0.01, 0.01, 0.0, 1.5),
            0.01,
            0.01,
        ),
    ],
    ids=["a doubling", "more of a common failure", "no failures at all", "equality"],
)
def test_evidence_grows_where_the_alternative_is_true(
    kernel: Kernel, p_c: float, p_s: float
) -> None:
    n_c, n_s = 1000, 9000
    assert kernel(p_c * n_c, n_c, p_s * n_s, n_s) > 0.5


@pytest.mark.parametrize("intercept", [0.0, 0.005, 0.3], ids="margin {}".format)
@pytest.mark.parametrize("slope", [1.0, 1.5, 3.0], ids="ratio {}".format)
@pytest.mark.parametrize(("t_c", "t_s"), [(1e-6, 1e-6), (0.01, 0.01), (0.3, 0.2)], ids=str)
def test_rare_is_an_e_value_for_beyond_the_limit(
    intercept: float, slope: float, t_c: float, t_s: float
) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        inside = min(t_c, 0.9 * (intercept + slope * t_s))
        return log_rare(x_c, n_c, x_s, n_s, inside, t_s, intercept, slope)

    assert max(means(kernel, lambda p: intercept + slope * p, above=True)) <= 1 + 1e-9


@pytest.mark.parametrize("intercept", [0.0, 0.005, 0.1], ids="margin {}".format)
@pytest.mark.parametrize("factor", [1.5, 6.0], ids="x{}".format)
def test_rare_is_an_e_value_for_within_the_limit(intercept: float, factor: float) -> None:
    def kernel(x_c: float, n_c: float, x_s: float, n_s: float) -> float:
        return log_rare(x_c, n_c, x_s, n_s, factor * (intercept + 0.02), 0.02, intercept, 1.0)

    assert max(means(kernel, lambda p: intercept + p, above=False)) <= 1 + 1e-9


def test_rare_without_a_margin_is_split() -> None:
    split = log_split(7, 400, 11, 3000, [1.3], 1.5)[0]
    assert log_rare(7, 400, 11, 3000, 0.013, 0.01, 0.0, 1.5) == pytest.approx(split)


@pytest.mark.parametrize("margin", [0.0, 0.005], ids="margin {}".format)
def test_of_rare_events_rare_is_as_good_as_affine(margin: float) -> None:
    """Where the alternative is true the mean growth is within two per cent."""
    n_c, n_s, p = 5000.0, 20000.0, 0.01
    block = (p * n_c, n_c, p * n_s, n_s)
    best = log_affine(*block, p, p, margin, 1.5)
    assert log_rare(*block, p, p, margin, 1.5) == pytest.approx(best, rel=0.02)
