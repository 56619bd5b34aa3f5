"""Confidence sequences for shares and quantiles."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.kernels.confidence import (
    quantile_interval,
    rank_interval,
    share_interval,
)

BOUNDS = (0.01, 0.025, 0.05, 0.1)


def evidence_against(p: float, x: float, n: float) -> float:
    """The mixture's log-likelihood ratio, from its definition."""
    log_beta = math.lgamma(0.5 + x) + math.lgamma(0.5 + n - x) - math.lgamma(1 + n)
    return log_beta - math.log(math.pi) - x * math.log(p) - (n - x) * math.log1p(-p)


@given(data=st.data(), n=st.integers(1, 10**7), phi=st.sampled_from([1.0, 3.7]))
@settings(max_examples=150)
def test_a_share_lies_between_bounds_that_the_evidence_just_reaches(
    data: st.DataObject, n: int, phi: float
) -> None:
    bad = data.draw(st.integers(0, n))
    low, high = share_interval(bad, n, phi)
    assert 0 <= low <= bad / n <= high <= 1
    assert low == 0 or bad > 0
    assert high == 1 or bad < n
    for bound in (low, high):
        if 1e-12 < bound < 1 - 1e-9:
            found = evidence_against(bound, bad / phi, n / phi)
            assert found == pytest.approx(math.log(20), rel=1e-3)


@pytest.mark.parametrize(
    ("bad", "total"),
    [(0.0, 1e-9), (1e-300, 5.0), (1e12, 1e12), (1e12 - 0.5, 1e12), (0.5, 1.0), (1e-9, 1.0)],
    ids=str,
)
def test_extreme_counts_are_bounded_as_well(bad: float, total: float) -> None:
    low, high = share_interval(bad, total)
    assert 0 <= low <= bad / total <= high <= 1


def test_the_truth_is_hardly_ever_left_however_often_one_looks() -> None:
    left = 0
    for seed in range(200):
        chance, bad = random.Random(seed), 0
        for n in range(1, 401):
            bad += chance.random() < 0.1
            if n % 10 == 0:
                low, high = share_interval(bad, n)
                if not low <= 0.1 <= high:
                    left += 1
                    break
    assert left <= 0.05 * 200


@pytest.mark.parametrize("bad", [0, 3, 500, 998, 1000])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3, 1e-9])
def test_bounds_are_those_of_the_probability_that_is_asked_for(bad: int, alpha: float) -> None:
    for bound in share_interval(bad, 1000, alpha=alpha):
        if 0 < bound < 1:
            found = evidence_against(bound, bad, 1000)
            assert found == pytest.approx(math.log(1 / alpha), rel=1e-3)


def test_dispersion_widens() -> None:
    narrow, wide = share_interval(50, 1000), share_interval(50, 1000, 4.0)
    assert wide[0] < narrow[0]
    assert wide[1] > narrow[1]


@given(
    quantile=st.floats(0.001, 0.999),
    counts=st.lists(st.integers(0, 10**5), min_size=5, max_size=5).filter(any),
    phi=st.sampled_from([1.0, 2.5]),
)
def test_a_quantile_lies_between_its_bounds(quantile: float, counts: list[int], phi: float) -> None:
    value, low, high = quantile_interval(quantile, BOUNDS, counts, phi)
    assert 0 <= low <= value <= high <= BOUNDS[-1]


@given(quantile=st.floats(0.01, 0.99), n=st.integers(1, 10**6))
def test_the_ranks_are_where_the_evidence_against_the_quantile_begins(
    quantile: float, n: int
) -> None:
    low, high = rank_interval(quantile, n)
    assert 0 <= low <= quantile * n <= high <= n
    for rank in (low, high):
        if 0 < rank < n:
            assert evidence_against(quantile, rank, n) == pytest.approx(math.log(20), rel=1e-3)


@pytest.mark.parametrize(
    ("rank", "expected"),
    [(8, 0.005), (16, 0.01), (36, 0.0375), (56, 0.05), (57, 0.1)],
    ids=[
        "inside a bucket",
        "at a bound",
        "beyond an empty bucket",
        "the last known",
        "in the bucket without a bound",
    ],
)
def test_ranks_become_seconds_on_straight_lines(rank: int, expected: float) -> None:
    value, _, _ = quantile_interval(rank / 64, BOUNDS, [16.0, 0.0, 40.0, 0.0, 8.0])
    assert value == pytest.approx(expected)


def test_the_first_of_all_ranks_is_at_zero_seconds() -> None:
    assert quantile_interval(0.001, BOUNDS, [16.0, 0.0, 40.0, 0.0, 8.0])[1] == 0.0


@pytest.mark.parametrize("bad", [5e-324, 1e-300, 1e-9, 1e-3])
def test_next_to_nothing_is_bounded_by_zero(bad: float) -> None:
    low, high = share_interval(bad, 2.0)
    assert low == 0.0
    assert 0.0 < high < 1.0
