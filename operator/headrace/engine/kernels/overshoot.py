"""No evidence beyond what is needed: a test that ends at a line gets the overshoot back.

A product of e-values that crosses `1/alpha` mostly lands beyond it, and what lies beyond is
wasted: with a few errors per scrape the test then has two thirds of the risk that it may have.
Before a block is judged, the capital is multiplied by the largest `b >= 1` for which::

    E[min(b M(x), L) | past, x_c + x_s = m] <= M_before        L = 1/alpha

so that the capital, cut at L, is still a supermartingale, and L is reached sooner.

Given the pooled number m of bad answers, and with `p_c = p_s`, the candidate's part x is
hypergeometric if every request fails or not by itself, and binomial with `w = n_c / n` if the
number of failures does not depend on the number of requests. `b` is the smaller of the two. If
`p_c < p_s`, x is stochastically smaller, and M rises with x: then the mean is smaller still.
Requests that do not fail independently have neither law: with a dispersion above 1 there is no
boost.

Source: Fischer and Ramdas 2024, "Improving the (approximate) sequential probability ratio test by
avoiding overshoot".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]

_MOST = 1000
"""Pooled bad answers beyond which it is not worth the time."""
_WITHIN = math.log(50)
"""Capital further below the line than this gains next to nothing."""
_ROUNDING = 1e-12


def log_boost(
    n_c: float,
    n_s: float,
    bad: float,
    *,
    before: float,
    waiting: float,
    logs: Sequence[float],
    rises: Sequence[float],
    limit: float,
) -> float:
    """Give the logarithm of the boost for one block.

    The capital after x of the pooled bad answers were the candidate's is
    `M(x) = exp(waiting) + sum_j exp(logs_j + x rises_j)`.

    Args:
        n_c: Exposures of the candidate, > 0.
        n_s: Exposures of stable, > 0.
        bad: Bad answers of both arms, 0 <= bad <= n_c + n_s.
        before: Logarithm of the capital before the block.
        waiting: Logarithm of the capital that waits; `-inf` for none.
        logs: Per alternative, the logarithm of its capital if none were the candidate's.
        rises: Per alternative, what one more of the candidate's adds to it, > 0.
        limit: Logarithm of L.

    Returns:
        At least 0; 0 where there is nothing to gain, or where the counts are not whole.
    """
    if not limit - _WITHIN < before < limit or not 0 < bad <= _MOST:
        return 0.0
    if not (bad.is_integer() and n_c.is_integer() and n_s.is_integer()):
        return 0.0
    x = np.arange(bad + 1)
    terms = np.asarray(logs)[:, None] + np.asarray(rises)[:, None] * x
    capital = np.exp(np.minimum(terms - limit, 700.0)).sum(axis=0) + math.exp(waiting - limit)
    held = math.exp(before - limit) * (1 - _ROUNDING)
    boosts = [
        _largest(chances, capital, held)
        for chances in (_binomial(x, n_c, n_s), _hypergeometric(x, n_c, n_s))
    ]
    return math.log(max(min(boosts), 1.0))


def _largest(chances: Row, capital: Row, held: float) -> float:
    """Solve `sum chances min(b capital, 1) = held`; the capital rises and is over L."""
    heads = np.cumsum(chances * np.minimum(capital, 1e300))
    tails = np.append(np.cumsum(chances[::-1])[::-1][1:], 0.0)
    # For each cut the line through it is at least the concave left side: the largest is right.
    seen = heads > 0
    return float(np.max((held - tails[seen]) / heads[seen]))


def _binomial(x: Row, n_c: float, n_s: float) -> Row:
    steps = np.log((x[-1] - x[1:] + 1) / x[1:]) + math.log(n_c / n_s)
    return _normalised(steps)


def _hypergeometric(x: Row, n_c: float, n_s: float) -> Row:
    bad = x[-1]
    ways = (bad - x[1:] + 1) * np.maximum(n_c - x[1:] + 1, 0.0)
    others = x[1:] * (n_s - bad + x[1:])
    if n_s < bad:
        # Stable cannot hold them all: the least x is above zero.
        least = int(bad - n_s)
        chances = np.zeros_like(x)
        with np.errstate(divide="ignore"):
            chances[least:] = _normalised(np.log(ways[least:] / others[least:]))
        return chances
    with np.errstate(divide="ignore"):
        return _normalised(np.log(ways / others))


def _normalised(steps: Row) -> Row:
    """Give chances from the logarithms of the ratios of successive ones."""
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    chances = np.exp(logs - logs.max())
    normalised: Row = chances / chances.sum()
    return normalised
