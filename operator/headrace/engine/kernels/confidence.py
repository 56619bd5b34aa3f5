"""Anytime-valid confidence sequences to show: for a share, and for a quantile of a histogram.

For `x` bad of `n`, the likelihood ratio of a Beta(1/2, 1/2) mixture to a share p::

    M(p) = ln B(1/2 + x, 1/2 + n - x) - ln B(1/2, 1/2) - x ln p - (n-x) ln(1-p)

is an e-process if p is the share, so that `{p: M(p) < ln(1/alpha)}` holds the true share at all
times together with probability `1 - alpha`. With a dispersion phi, x and n are divided by it: the
mixture of tempered likelihood ratios. The bounds are found by Newton's steps.

For a quantile: the share of requests up to the q-quantile is q, so that the ranks X with
`M(q; X) < ln(1/alpha)` hold its rank, and the histogram turns ranks into seconds, on a straight
line inside a bucket as Prometheus does.

Both describe a share that stays the same. If it changes, they describe its mean over the requests.

Source: Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences"; Howard and Ramdas 2022 (quantiles).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

ALPHA = 0.05
_LOG_LIMIT = math.log(1 / ALPHA)
_LOG_BETA_PRIOR = math.log(math.pi)
_PRECISION = 1e-6
_SMALLEST, _LARGEST = -700.0, -1e-15
"""Logarithms of the smallest share that is told from zero, and of the largest told from 1. Where
next to nothing was seen, there is no bound between them."""
_LOG_GAMMA_OF_HALF = math.lgamma(0.5)
_CURVE, _HALF_PI = 1 / 12, math.pi / 2
_STEPS = 50


def share_interval(
    bad: float, total: float, phi: float = 1.0, alpha: float = ALPHA
) -> tuple[float, float]:
    """Bound a share.

    Args:
        bad: 0 <= bad <= total.
        total: Exposures, > 0.
        phi: Dispersion, >= 1.
        alpha: The probability that it ever misses the share, in (0, 1).

    Returns:
        `(low, high)`, which contain `bad / total`.
    """
    x, good, limit = bad / phi, (total - bad) / phi, math.log(1 / alpha)
    if x <= good:
        return _rarer_share(x, good, limit)
    low, high = _rarer_share(good, x, limit)
    return 1.0 - high, 1.0 - low


def _rarer_share(x: float, rest: float, limit: float) -> tuple[float, float]:
    """Bound the share of x among x and the rest, of which there is as much or more."""
    n = x + rest
    log_beta = math.lgamma(0.5 + x) + math.lgamma(0.5 + rest) - math.lgamma(1 + n)
    constant = log_beta - _LOG_BETA_PRIOR - limit
    if x <= 0:
        return 0.0, -math.expm1(constant / rest)
    estimate = math.log(x) - math.log(n)
    depth = _depth(n, limit)
    # Where the expansion of the evidence to third order is at the limit.
    width = math.sqrt(2 * depth * (rest / n) / x)
    skew = (n + x) / (6 * rest)
    tolerance, low = _PRECISION * min(width, 1.0), 0.0
    if constant / x >= _SMALLEST:
        start = max(estimate - width * (1 + width * skew), constant / x)
        low = math.exp(_log_share(x, rest, constant, start, tolerance))
    start = min(estimate + 1 / (1 / width + skew), _LARGEST)
    return low, math.exp(_log_share(x, rest, constant, start, tolerance))


def _depth(n: float, limit: float) -> float:
    """Give how far the evidence is from the limit at the estimate (by Stirling's formula)."""
    return limit + 0.5 * math.log(max(_HALF_PI * n, 1.0))


def _log_share(x: float, rest: float, constant: float, start: float, tolerance: float) -> float:
    """Solve `constant = x ln p + rest ln(1-p)` for `ln p` by Newton's steps.

    In the logarithm the function is nearly a straight line for rare events, and always convex: from
    the first step on, every point lies outside of the interval that is looked for.
    """
    exp, log1p, log_p = math.exp, math.log1p, start
    for _ in range(_STEPS):
        p = exp(log_p)
        slope = (x + rest) * p - x
        if not slope:
            break
        excess = constant - x * log_p - rest * log1p(-p)
        before, log_p = log_p, log_p - excess * (1 - p) / slope
        if log_p > _LARGEST:
            log_p = min(before / 2, _LARGEST)
        elif abs(log_p - before) <= tolerance:
            break
    return log_p


def rank_interval(quantile: float, total: float, phi: float = 1.0) -> tuple[float, float]:
    """Bound the rank of a quantile.

    Args:
        quantile: In (0, 1).
        total: Exposures, > 0.
        phi: Dispersion, >= 1.

    Returns:
        Ranks between 0 and `total`, which contain `quantile * total`.
    """
    n = total / phi
    log_odds = math.log(quantile) - math.log1p(-quantile)
    constant = _LOG_LIMIT + _LOG_BETA_PRIOR + math.lgamma(1 + n) + n * math.log1p(-quantile)
    middle = quantile * n
    depth = _depth(n, _LOG_LIMIT)
    # Where the expansion of the evidence to third order is at the limit.
    width = math.sqrt(2 * depth * middle * (1 - quantile))
    skew = depth * (1 - 2 * quantile) / 3
    at_zero = _LOG_GAMMA_OF_HALF + math.lgamma(0.5 + n) - constant
    low, high = 0.0, n
    if at_zero > 0:
        low = _rank(n, log_odds, constant, middle - max(width - skew, width / 2))
    if at_zero > n * log_odds:
        high = _rank(n, log_odds, constant, middle + max(width + skew, width / 2))
    return min(low, middle) * phi, max(high, middle) * phi


def _rank(n: float, log_odds: float, constant: float, start: float) -> float:
    """Solve for the rank at which the evidence is at the limit, by Newton's steps; there is one."""
    lgamma, log, tolerance = math.lgamma, math.log, _PRECISION * n
    x = min(max(start, 0.0), n)
    for _ in range(_STEPS):
        rest = n - x
        # The derivative of lgamma(1/2 + x) is ln x to second order.
        slope = 0.5 * log((x * x + _CURVE) / (rest * rest + _CURVE)) - log_odds
        if not slope:
            break
        excess = lgamma(0.5 + x) + lgamma(0.5 + rest) - x * log_odds - constant
        before, x = x, min(max(x - excess / slope, 0.0), n)
        if abs(x - before) <= tolerance:
            break
    return x


def _at_rank(rank: float, bounds: Sequence[float], below: Sequence[float]) -> float:
    """Give the latency at a rank, from the counts up to each bound.

    A rank in the last bucket, which has no bound, gives the last finite bound.
    """
    index = bisect_left(below, rank) if rank > 0 else bisect_right(below, 0.0)
    if index >= len(bounds):
        return bounds[-1]
    reached, lower = (below[index - 1], bounds[index - 1]) if index else (0.0, 0.0)
    part = (max(rank, 0.0) - reached) / (below[index] - reached)
    return lower + (bounds[index] - lower) * part


def quantile_interval(
    quantile: float, bounds: Sequence[float], counts: Sequence[float], phi: float = 1.0
) -> tuple[float, float, float]:
    """Estimate and bound a quantile of a histogram.

    Args:
        quantile: In (0, 1).
        bounds: Finite upper bounds in seconds, rising; at least one.
        counts: Per bucket; one more than the bounds, with a sum > 0.
        phi: Dispersion, >= 1.

    Returns:
        `(value, low, high)` in seconds, with `low <= value <= high`.
    """
    total = sum(counts)
    low, high = rank_interval(quantile, total, phi)
    below = list(accumulate(counts))
    return (
        _at_rank(quantile * total, bounds, below),
        _at_rank(low, bounds, below),
        _at_rank(high, bounds, below),
    )
