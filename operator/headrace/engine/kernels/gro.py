"""The growth-rate optimal block e-value: two shares of any size.

For an alternative `(t_c, t_s)` that was chosen before the block, and
`t* = (n_c t_c + n_s t_s) / (n_c + n_s)`::

    log S = x_c ln(t_c/t*) + (n_c-x_c) ln((1-t_c)/(1-t*))
          + x_s ln(t_s/t*) + (n_s-x_s) ln((1-t_s)/(1-t*))

Null: `p_c <= p_s` for `t_c > t_s`, with `p_s` free, and `p_c >= p_s` for `t_c < t_s`.

Why it is valid: at `p_c = p_s` the mean of S is a product of powers of two numbers whose weighted
arithmetic mean is 1, so that it is at most 1; inside the null it is smaller because the factors
move the right way with `p_c` and `p_s`. A wrong guess of the base rate costs power, not validity.

Source: Turner, Ly and Grünwald 2024, "Generic e-variables for exact sequential k-sample tests
that allow for optional stopping".
"""

from __future__ import annotations

import math


def log_likelihood_ratio(x: float, n: float, t: float, q: float) -> float:
    """Give the log-likelihood of share `t` over that of share `q`, for `x` bad of `n`.

    Args:
        x: Bad answers, 0 <= x <= n.
        n: Exposures.
        t: The numerator's share, 0 < t < 1.
        q: The denominator's share, 0 < q < 1.
    """
    return x * math.log(t / q) + (n - x) * (math.log1p(-t) - math.log1p(-q))


def log_gro(x_c: float, n_c: float, x_s: float, n_s: float, t_c: float, t_s: float) -> float:
    """Give the logarithm of the e-value of one block.

    Args:
        x_c: Bad answers of the candidate, 0 <= x_c <= n_c.
        n_c: Exposures of the candidate, > 0.
        x_s: Bad answers of stable, 0 <= x_s <= n_s.
        n_s: Exposures of stable, > 0.
        t_c: The alternative's share of the candidate, 0 < t_c < 1.
        t_s: The alternative's share of stable, 0 < t_s < 1.
    """
    pooled = (n_c * t_c + n_s * t_s) / (n_c + n_s)
    return log_likelihood_ratio(x_c, n_c, t_c, pooled) + log_likelihood_ratio(x_s, n_s, t_s, pooled)
