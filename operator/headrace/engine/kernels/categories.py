"""The e-value of two whole histograms: is the candidate slower anywhere?

For stable's guessed distribution P and an alternative q over k ordered categories, with
`pool_b = (n_c q_b + n_s P_b) / n`::

    log S = sum_b x_{c,b} ln(q_b / pool_b) + x_{s,b} ln(P_b / pool_b)

Only the ratios `rho_b = q_b / P_b` matter. They are made non-decreasing in b.

Null: the candidate is stochastically no slower than stable (its exceedance of every bound is at
most stable's), whatever stable's distribution is.

Why it is valid: `q_b / pool_b` rises with `rho_b`, hence with b, so that its mean under a
candidate that is stochastically faster is at most its mean under stable's own distribution; there
the mean of S is at most 1 by the weighted inequality of arithmetic and geometric means, as for
`gro`. A wrong guess of P costs power, not validity. It must come from before the block.

Source: Turner, Ly and Grünwald 2024 (k-sample e-values), extended to categories.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

Ratios = tuple[float, ...]
"""`q_b / P_b` per category, > 0, non-decreasing, with a mean of 1 under P."""


def monotone_ratios(alternative: Sequence[float], stable: Sequence[float]) -> Ratios:
    """Make an alternative's ratios to stable non-decreasing.

    Args:
        alternative: Probabilities, >= 0, at least the first > 0.
        stable: Probabilities P, all > 0, of the same length.
    """
    rising = accumulate((q / p for q, p in zip(alternative, stable, strict=True)), max)
    ratios = list(rising)
    mean = sum(ratio * p for ratio, p in zip(ratios, stable, strict=True))
    return tuple(ratio / mean for ratio in ratios)


def log_categories(
    x_c: Sequence[float], x_s: Sequence[float], alternatives: Sequence[Ratios]
) -> list[float]:
    """Give the logarithm of the e-value of one block for each alternative.

    Args:
        x_c: The candidate's counts per category, >= 0, at least one > 0.
        x_s: Stable's counts of the same length, >= 0.
        alternatives: Each alternative's ratios.
    """
    n_c = sum(x_c)
    w = n_c / (n_c + sum(x_s))
    seen = [(b, c, c + s) for b, (c, s) in enumerate(zip(x_c, x_s, strict=True)) if c or s]
    logs = []
    for ratios in alternatives:
        log = 0.0
        for b, of_candidate, of_both in seen:
            ratio = ratios[b]
            log -= of_both * math.log(1 - w + w * ratio)
            if of_candidate:
                log += of_candidate * math.log(ratio)
        logs.append(log)
    return logs
