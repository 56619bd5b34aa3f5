"""What a slower candidate's histogram would look like: the alternatives of the latency test.

Stable's distribution is read off its histogram: between two bounds the probit of the cumulative
share is a straight line in the logarithm of the latency, which is exact for a log-normal latency.
A slowdown by a factor f moves the curve: `F_slow(t) = F(t / f)`.

The alternatives are slowdowns of all requests, from slight to gross, and of some requests only.
They are guesses: a candidate that is slow in another way is found too, if later.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

from headrace.engine.kernels.categories import Table, monotone_ratios

SLOWDOWNS = (
    (1.00, 1.1, 0.14),
    (1.00, 1.2, 0.28),
    (1.00, 1.45, 0.16),
    (1.00, 2.1, 0.11),
    (1.00, 4.5, 0.07),
    (0.15, 1.6, 0.10),
    (0.03, 3.0, 0.14),
)
"""Share of the requests that is slower, how many times, and the prior weight; these sum to 1. The
logarithms of the factors are about twice as large from one to the next: between two of them at most
a ninth of the information is lost. Most weight is on the slowdown that specs usually ask about."""

_NORMAL = NormalDist()
_SMOOTHING = 0.5
_LEAST = 1e-12


def smoothed(counts: Sequence[float]) -> tuple[float, ...]:
    """Give probabilities, all > 0, with half a request added to every category."""
    total = sum(counts) + _SMOOTHING * len(counts)
    return tuple([(count + _SMOOTHING) / total for count in counts])


def smoothed_share(counts: Sequence[float], first: int) -> float:
    """Give the sum of the probabilities of `smoothed` from a category on."""
    rest = len(counts) - first
    return (sum(counts[first:]) + _SMOOTHING * rest) / (sum(counts) + _SMOOTHING * len(counts))


def distribution(
    probabilities: Sequence[float], bounds: Sequence[float]
) -> Callable[[float], float]:
    """Read the cumulative distribution off a histogram.

    Args:
        probabilities: Per category, > 0, summing to 1; one more than the bounds.
        bounds: Finite upper bounds, > 0 and rising; at least one.

    Returns:
        `F(t)` for 0 < t < the last finite bound; above it, the share within that bound.
    """
    shares, probits, logs, share = [], [], [], 0.0
    for probability, bound in zip(probabilities, bounds, strict=False):
        share += probability
        shares.append(share)
        probits.append(_NORMAL.inv_cdf(min(max(share, _LEAST), 1 - _LEAST)))
        logs.append(math.log(bound))

    def cumulative(t: float) -> float:
        if t >= bounds[-1]:
            return shares[-1]
        if t <= bounds[0]:
            return shares[0] * max(t, 0.0) / bounds[0]
        i = bisect_left(bounds, t)
        part = (math.log(t) - logs[i - 1]) / (logs[i] - logs[i - 1])
        return _NORMAL.cdf(probits[i - 1] + part * (probits[i] - probits[i - 1]))

    return cumulative


@lru_cache(maxsize=256)
def alternatives(counts: tuple[float, ...], bounds: tuple[float, ...]) -> Table:
    """Build the alternatives to a stable histogram, in the order of `SLOWDOWNS`.

    Args:
        counts: Stable's counts per category; one more than the bounds.
        bounds: Finite upper bounds in seconds, > 0 and rising; at least one.

    Returns:
        One per slowdown.
    """
    stable = smoothed(counts)
    cumulative = distribution(stable, bounds)
    built = []
    for share, factor, _ in SLOWDOWNS:
        slower = [0.0, *(cumulative(bound / factor) for bound in bounds), 1.0]
        alternative = [
            (1 - share) * p + share * max(high - low, 0.0)
            for p, low, high in zip(stable, slower, slower[1:], strict=False)
        ]
        built.append(monotone_ratios(alternative, stable))
    return Table.of(built)
