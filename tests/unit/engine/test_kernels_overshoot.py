"""The overshoot's kernel: exact over every outcome, and a gain where it is meant to be one."""

import itertools
import math

import pytest

from headrace.engine.checks.shares import LOG_EFFECT_WEIGHTS, grown_harm
from headrace.engine.kernels.mixture import Onsets
from headrace.engine.kernels.overshoot import log_boost
from headrace.engine.observations import Counts

ARMS = [(1, 1), (2, 9), (6, 6), (9, 2), (1, 12)]
LIMIT = math.log(20)


def binomial(n: int, p: float) -> list[float]:
    return [math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(n + 1)]


def poisson(mean: float, most: int) -> list[float]:
    return [math.exp(-mean) * mean**x / math.factorial(x) for x in range(most + 1)]


def near(log_capital: float) -> Onsets:
    """Evidence that stands at this capital, most of it on a doubling."""
    onsets = Onsets((-1.0, 0.5, 2.0, 1.0, -2.0), -1.0, 7)
    return onsets.scaled(log_capital - onsets.log_evidence(LOG_EFFECT_WEIGHTS))


def after(onsets: Onsets, x_c: int, n_c: int, x_s: int, n_s: int, limit: float) -> float:
    """The capital after a block."""
    grown = grown_harm(
        onsets,
        Counts(float(x_c), float(n_c)),
        Counts(float(x_s), float(n_s)),
        tolerance=1.0,
        base=0.01,
        phi=1.0,
        limit=limit,
    )
    return math.exp(grown.log_evidence(LOG_EFFECT_WEIGHTS))


@pytest.mark.parametrize("before", [0.5, 0.1, 0.97], ids="at {} of the line".format)
@pytest.mark.parametrize("part", [1.0, 0.9, 0.3], ids="p_c = {} p_s".format)
@pytest.mark.parametrize("arms", ARMS, ids=str)
def test_the_capital_does_not_grow_on_average(
    arms: tuple[int, int], part: float, before: float
) -> None:
    n_c, n_s = arms
    onsets = near(LIMIT + math.log(before))
    held = before * math.exp(LIMIT)
    for base in (0.0, 0.01, 0.2, 0.5, 0.9, 1.0):
        mean = sum(
            of_c * of_s * after(onsets, x_c, n_c, x_s, n_s, LIMIT)
            for x_c, of_c in enumerate(binomial(n_c, part * base))
            for x_s, of_s in enumerate(binomial(n_s, base))
        )
        assert mean <= held * (1 + 1e-8)


@pytest.mark.parametrize("rate", [0.02, 0.3, 1.0], ids="{} failures per exposure".format)
def test_nor_if_failures_do_not_depend_on_the_number_of_requests(rate: float) -> None:
    n_c, n_s = 4, 8
    onsets = near(LIMIT + math.log(0.5))
    mean = sum(
        of_c * of_s * after(onsets, x_c, n_c, x_s, n_s, LIMIT)
        for x_c, of_c in enumerate(poisson(rate * n_c, 40))
        for x_s, of_s in enumerate(poisson(rate * n_s, 40))
    )
    assert mean <= 0.5 * math.exp(LIMIT) * (1 + 1e-8)


def test_two_blocks_on_the_way_to_the_line_are_an_e_value() -> None:
    """From no evidence at all, with a line so low that both blocks may cross it."""
    limit, p = math.log(1.3), 0.3
    arms = ((2, 2), (1, 3))
    total = 0.0
    for outcome in itertools.product(range(3), range(3), range(2), range(4)):
        onsets, chance = Onsets(), 1.0
        for (n_c, n_s), x_c, x_s in zip(arms, outcome[::2], outcome[1::2], strict=True):
            chance *= binomial(n_c, p)[x_c] * binomial(n_s, p)[x_s]
            candidate, stable = Counts(float(x_c), float(n_c)), Counts(float(x_s), float(n_s))
            onsets = grown_harm(
                onsets, candidate, stable, tolerance=1.0, base=0.01, phi=1.0, limit=limit
            )
        total += chance * math.exp(onsets.log_evidence(LOG_EFFECT_WEIGHTS))
    assert 0.9 < total <= 1 + 1e-8


def test_evidence_that_would_jump_over_the_line_is_put_to_use() -> None:
    onsets = near(LIMIT + math.log(0.9))
    plain, boosted = (after(onsets, 0, 30, 4, 570, limit) for limit in (math.inf, LIMIT))
    assert boosted > 1.1 * plain


def test_evidence_ends_at_the_line() -> None:
    onsets = near(LIMIT + math.log(0.5))
    assert after(onsets, 9, 30, 3, 570, LIMIT) == pytest.approx(math.exp(LIMIT))
    assert after(onsets, 9, 30, 3, 570, LIMIT) >= math.exp(LIMIT), "it must not fall short of it"


@pytest.mark.parametrize(
    ("counts", "before"),
    [
        ((30.0, 570.0, 6.0), LIMIT - 5),
        ((30.0, 570.0, 6.0), LIMIT + 0.1),
        ((30.0, 570.0, 6.5), LIMIT - 1),
        ((30.5, 570.0, 6.0), LIMIT - 1),
        ((30.0, 570.0, 0.0), LIMIT - 1),
        ((1e6, 1e6, 5e4), LIMIT - 1),
    ],
    ids=[
        "the line is far",
        "it is crossed already",
        "failures that are not whole",
        "requests that are not whole",
        "no failures",
        "more failures than are worth the time",
    ],
)
def test_where_there_is_nothing_to_gain_there_is_no_boost(
    counts: tuple[float, float, float], before: float
) -> None:
    boost = log_boost(*counts, before=before, waiting=-1.0, logs=[before], rises=[0.7], limit=LIMIT)
    assert boost == 0.0
