"""The histogram kernel and what builds its alternatives."""

import itertools
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.kernels.categories import log_categories, monotone_ratios
from headrace.engine.kernels.relabelling import Relabelling, relabelling
from headrace.engine.kernels.slowdowns import SLOWDOWNS, alternatives, distribution, smoothed

BOUNDS = (0.01, 0.025, 0.05)
LEARNED = (300.0, 500.0, 150.0, 50.0)
STABLE = [
    (0.30, 0.50, 0.15, 0.05),
    (0.00, 0.10, 0.20, 0.70),
    (1.00, 0.00, 0.00, 0.00),
    (0.25, 0.25, 0.25, 0.25),
    (0.00, 0.50, 0.00, 0.50),
]
"""True distributions of stable, near and far from what was learned."""


def outcomes(n: int, probabilities: Sequence[float]) -> Iterator[tuple[list[int], float]]:
    """Every histogram of n requests, and its chance."""
    for counts in itertools.product(range(n + 1), repeat=len(probabilities)):
        if sum(counts) == n:
            chance = float(math.factorial(n))
            for count, p in zip(counts, probabilities, strict=True):
                chance *= p**count / math.factorial(count)
            yield list(counts), chance


def faster(probabilities: Sequence[float], part: float) -> list[float]:
    """Move a part of every bucket's requests one bucket down."""
    moved = [p * part for p in probabilities[1:]]
    kept = [probabilities[0], *(p * (1 - part) for p in probabilities[1:])]
    return [k + m for k, m in zip(kept, [*moved, 0.0], strict=True)]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.6, 1.0], ids="a part of {} is faster".format)
@pytest.mark.parametrize("stable", STABLE, ids=str)
def test_it_is_an_e_value_for_every_faster_candidate(stable: Sequence[float], part: float) -> None:
    candidate = faster(stable, part)
    ratios = alternatives(LEARNED, BOUNDS)
    totals = [0.0] * len(SLOWDOWNS)
    for (x_c, of_c), (x_s, of_s) in itertools.product(outcomes(2, candidate), outcomes(4, stable)):
        if of_c * of_s > 0:
            for index, log in enumerate(log_categories(x_c, x_s, ratios)):
                totals[index] += of_c * of_s * math.exp(log)
    assert max(totals) <= 1 + 1e-9
    assert min(totals) > 0


@pytest.mark.parametrize(
    ("tolerance", "margin"), [(1.5, 0.0), (1.0, 0.015), (2.5, 0.001), (1.1, 0.0)], ids=str
)
def test_a_tolerated_slowdown_keeps_it_an_e_value(tolerance: float, margin: float) -> None:
    """The latencies take exact values, so that the worst allowed candidate can be built."""
    points = [0.004, 0.009, 0.01, 0.012, 0.018, 0.02, 0.04, 0.2]
    chances = [0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    edges = [*BOUNDS, math.inf]

    def bucketed(latencies: Sequence[float]) -> list[float]:
        buckets = [0.0] * len(edges)
        for latency, chance in zip(latencies, chances, strict=True):
            buckets[next(i for i, edge in enumerate(edges) if latency <= edge)] += chance
        return buckets

    stable = bucketed(points)
    candidate = bucketed([max(tolerance * t, t + margin) for t in points])
    moved = relabelling(BOUNDS, tolerance, margin)
    ratios = alternatives(tuple(moved.of_stable(LEARNED)), moved.bounds)
    totals = [0.0] * len(SLOWDOWNS)
    for (x_c, of_c), (x_s, of_s) in itertools.product(outcomes(2, candidate), outcomes(4, stable)):
        logs = log_categories(moved.of_candidate(x_c), moved.of_stable(x_s), ratios)
        for index, log in enumerate(logs):
            totals[index] += of_c * of_s * math.exp(log)
    assert max(totals) <= 1 + 1e-9


def test_without_relabelling_a_tolerated_slowdown_would_be_harm() -> None:
    stable, slower = [0.0, 90.0, 10.0, 0.0], [0.0, 40.0, 50.0, 10.0]
    assert max(log_categories(slower, stable, alternatives(LEARNED, BOUNDS))) > 10


@pytest.mark.parametrize(
    ("bounds", "tolerance", "margin", "expected"),
    [
        ((1.0, 2.0, 4.0), 1.0, 0.0, Relabelling((1.0, 2.0, 4.0), (0, 1, 2, 3), (0, 1, 2, 3))),
        ((1.0, 2.0, 4.0), 2.0, 0.0, Relabelling((2.0, 4.0), (0, 1, 2, 2), (0, 0, 1, 2))),
        ((1.0, 2.0, 4.0), 1.0, 2.5, Relabelling((4.0,), (0, 1, 1, 1), (0, 0, 0, 1))),
        ((1.0, 2.0, 4.0), 9.0, 0.0, Relabelling((), (0, 0, 0, 0), (0, 0, 0, 0))),
        ((0.1, 0.11), 1.1, 0.0, Relabelling((0.11,), (0, 1, 1), (0, 0, 1))),
    ],
    ids=[
        "nothing is tolerated",
        "twice as slow",
        "a margin wider than a bucket",
        "more than the histogram can tell",
        "a product that is rounded up",
    ],
)
def test_relabelling(
    bounds: tuple[float, ...], tolerance: float, margin: float, expected: Relabelling
) -> None:
    assert relabelling(bounds, tolerance, margin) == expected


@given(
    q=st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda q: q[0] > 1e-3),
)
def test_ratios_rise_and_have_mean_one(q: list[float]) -> None:
    p = (0.1, 0.2, 0.3, 0.4)
    ratios = monotone_ratios(q, p)
    assert all(a <= b for a, b in itertools.pairwise(ratios))
    assert sum(r * of_p for r, of_p in zip(ratios, p, strict=True)) == pytest.approx(1)


@pytest.mark.parametrize("factor", [1.2, 2.0, 8.0], ids="x{}".format)
def test_a_slower_candidate_is_seen(factor: float) -> None:
    """The candidate's requests are stable's, `factor` times slower, as the model has it."""
    within = distribution(smoothed(LEARNED), BOUNDS)
    cumulative = [0.0, *(within(bound / factor) for bound in BOUNDS), 1.0]
    slower = [1000 * (high - low) for low, high in itertools.pairwise(cumulative)]
    assert max(log_categories(slower, LEARNED, alternatives(LEARNED, BOUNDS))) > 2


def test_equal_histograms_speak_against_harm() -> None:
    assert max(log_categories(LEARNED, LEARNED, alternatives(LEARNED, BOUNDS))) < 0


def test_the_distribution_of_a_log_normal_latency_is_read_exactly() -> None:
    def normal(t: float) -> float:
        return 0.5 * math.erfc(-math.log(t / 0.1) / 0.6 / math.sqrt(2))

    bounds = (0.05, 0.1, 0.25, 0.5)
    edges = [0.0, *(normal(bound) for bound in bounds), 1.0]
    probabilities = [high - low for low, high in itertools.pairwise(edges)]
    within = distribution(probabilities, bounds)
    for t in (0.06, 0.09, 0.1, 0.2, 0.4):
        assert within(t) == pytest.approx(normal(t), rel=1e-9)
    assert within(9.0) == within(0.5) == pytest.approx(normal(0.5))
    assert within(0.025) == pytest.approx(normal(0.05) / 2)


def test_the_weights_of_the_alternatives_sum_to_one() -> None:
    assert sum(weight for _, _, weight in SLOWDOWNS) == pytest.approx(1)


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4))
def test_alternatives_exist_for_every_histogram(counts: list[int]) -> None:
    table = alternatives(tuple(map(float, counts)), BOUNDS)
    for ratios in (table.excess + 1).tolist():
        assert all(math.isfinite(ratio) and ratio > 0 for ratio in ratios)
