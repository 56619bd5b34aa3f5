"""Anytime-valid confidence sequences to show: for a share, and for a quantile of a histogram.

For `x` bad of `n`, the likelihood ratio of a Beta(1/2, 1/2) mixture to a share p::

    M(p) = ln B(1/2 + x, 1/2 + n - x) - ln B(1/2, 1/2) - x ln p - (n-x) ln(1-p)

is an e-process if p is the share, so that `{p: M(p) < ln(1/alpha)}` holds the true share at all
times together with probability `1 - alpha`. With a dispersion phi, x and n are divided by it: the
mixture of tempered likelihood ratios. The bounds are found by safeguarded Newton steps.

For a quantile: the share of requests up to the q-quantile is q, so that the ranks X with
`M(q; X) < ln(1/alpha)` hold its rank, and the histogram turns ranks into seconds, on a straight
line inside a bucket as Prometheus does.

Both describe a share that stays the same. If it changes, they describe its mean over the requests.

Source: Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric,
nonasymptotic confidence sequences"; Howard and Ramdas 2022 (quantiles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.kernels.root import root

ALPHA = 0.05
_LOG_LIMIT = math.log(1 / ALPHA)
_LOG_BETA_PRIOR = math.log(math.pi)
_PRECISION = 1e-6
_SMALLEST = -700.0
"""Logarithm of the smallest share that is told from zero."""


def share_interval(bad: float, total: float, phi: float = 1.0) -> tuple[float, float]:
    """Bound a share.

    Args:
        bad: 0 <= bad <= total.
        total: Exposures, > 0.
        phi: Dispersion, >= 1.

    Returns:
        `(low, high)`, which contain `bad / total`, at a confidence of 95 %.
    """
    x, good = bad / phi, (total - bad) / phi
    return _lower_share(x, good), 1.0 - _lower_share(good, x)


def _lower_share(x: float, rest: float) -> float:
    """Bound the share of x among x and the rest from below."""
    if x <= 0:
        return 0.0
    n = x + rest
    log_beta = math.lgamma(0.5 + x) + math.lgamma(0.5 + rest) - math.lgamma(1 + n)
    constant = log_beta - _LOG_BETA_PRIOR - _LOG_LIMIT

    least = constant / x
    if least < _SMALLEST:
        return 0.0  # next to nothing was seen: no bound above zero that a float can hold

    # In the logarithm of the share: for rare events the function is nearly a straight line.
    def excess(log_p: float) -> tuple[float, float]:
        p = math.exp(log_p)
        return constant - x * log_p - rest * math.log1p(-p), (n * p - x) / (1 - p)

    estimate = math.log(x / n)
    width = math.sqrt(2 * (_LOG_LIMIT + 0.5 * math.log1p(n)) * min(x + 1, rest + 1)) / x
    start = estimate + math.log1p(-width) if width < 1 else least
    return math.exp(root(excess, estimate, least, start, tolerance=_PRECISION * min(width, 1.0)))


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
    lgamma, log = math.lgamma, math.log

    def excess(x: float) -> tuple[float, float]:
        value = lgamma(0.5 + x) + lgamma(0.5 + n - x) - x * log_odds - constant
        return value, log((x + 0.5) / (n - x + 0.5)) - log_odds

    middle = quantile * n
    spread = n * quantile * (1 - quantile)
    width = math.sqrt(2 * spread * (_LOG_LIMIT + 0.5 * math.log1p(spread)))
    low, high = 0.0, n
    tolerance = _PRECISION * n
    if excess(0.0)[0] >= 0:
        low = root(excess, middle, 0.0, middle - width, tolerance=tolerance)
    if excess(n)[0] >= 0:
        high = root(excess, middle, n, middle + width, tolerance=tolerance)
    return low * phi, high * phi


def at_rank(rank: float, bounds: Sequence[float], counts: Sequence[float]) -> float:
    """Give the latency at a rank.

    Args:
        rank: Between 0 and the sum of the counts.
        bounds: Finite upper bounds in seconds, rising; at least one.
        counts: Per bucket; one more than the bounds.

    Returns:
        Seconds. A rank in the last bucket, which has no bound, gives the last finite bound.
    """
    reached, lower = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count > 0 and reached + count >= rank:
            return lower + (bound - lower) * max(rank - reached, 0.0) / count
        reached += count
        lower = bound
    return bounds[-1]


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
    return (
        at_rank(quantile * total, bounds, counts),
        at_rank(low, bounds, counts),
        at_rank(high, bounds, counts),
    )
