"""The Gaussian e-value: means of values whose range nobody knows.

For a contrast of means whose expectation is at most 0 under the null, divided by the values'
standard deviation, with `m` effective values in it (`1 / (1/n_c + b^2/n_s)` for `mean_c - b
mean_s`), and an effect `delta > 0` in standard deviations::

    s = m d / sigma        log S = delta s - m delta^2 / 2

Null: `E d <= 0`.

Why it is valid: for normal values `E exp(delta s) = exp(m delta E d / sigma + m delta^2 / 2)`, so
the mean of S is 1 at the null's edge and less inside. The same holds for all values that are
sub-Gaussian with sigma. For others it holds in the limit of many values (a normal-mixture
asymptotic confidence sequence): it is to be used with well over a hundred values of an arm, and
not for rare counts, for which `split` is exact. Effects are mixed by `kernels.mixture`: a discrete
prior in place of the continuous one, because it can also be mixed over onsets.

Source: Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021; Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence sequences".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.kernels.confidence import ALPHA

_WIDEST_AT = 200.0
"""Values at which the confidence sequence is about its tightest."""


def log_gaussian(contrast: float, size: float, effects: Sequence[float]) -> list[float]:
    """Give the logarithm of the e-value of one block for each effect.

    Args:
        contrast: `d / sigma`: the difference of means over the standard deviation.
        size: `m`, the effective number of values, > 0.
        effects: In standard deviations, each > 0.
    """
    score = size * contrast
    return [effect * score - size * effect * effect / 2 for effect in effects]


def mean_interval(mean: float, sigma: float, count: float) -> tuple[float, float]:
    """Bound a mean at all times together, at a confidence of 95 % for many values.

    Args:
        mean: Of the values.
        sigma: Their standard deviation, >= 0.
        count: How many, > 0.

    Returns:
        `(low, high)`, with the mean in their middle.
    """
    mixed = count + _WIDEST_AT
    half = sigma / count * math.sqrt(mixed * math.log(mixed / (_WIDEST_AT * ALPHA * ALPHA)))
    return mean - half, mean + half
