"""The one-sample e-value: a share against an absolute limit.

For `x` bad of `n` and an alternative `p1`::

    log S = x ln(p1/p0) + (n-x) ln((1-p1)/(1-p0))

Null: `p <= p0` for alternatives `p1 > p0`, and `p >= p0` for `p1 < p0`.

Why it is valid: at `p = p0` it is a likelihood ratio, whose mean is 1; the mean moves with `p`
towards 0 inside the null because the ratio is monotone in `x`.

Source: Wald 1945, "Sequential tests of statistical hypotheses".
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.engine.kernels.gro import log_likelihood_ratio


def log_one_sample(x: float, n: float, alternatives: Sequence[float], limit: float) -> list[float]:
    """Give the logarithm of the e-value of one block for each alternative.

    Args:
        x: Bad answers, 0 <= x <= n.
        n: Exposures.
        alternatives: Shares, each in (0, 1) and all on one side of the limit.
        limit: The null's share `p0`, 0 < p0 < 1.
    """
    return [log_likelihood_ratio(x, n, alternative, limit) for alternative in alternatives]


def odds_times(share: float, factor: float) -> float:
    """Multiply a share's odds: an alternative that is never 1 or more.

    Args:
        share: In (0, 1).
        factor: > 0.
    """
    return factor * share / (1 - share + factor * share)
