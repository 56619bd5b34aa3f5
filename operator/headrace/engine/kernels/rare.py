"""The affine e-value of rare events, in closed form: a limit `a + b p_s` on few failures.

For any `A > 0` with `B = 1 + rho (1 - A) > 0` and `rho = b n_c / n_s`::

    log S = x_c ln A + x_s ln B + n_c a (1 - A)

Null: `p_c >= a + b p_s` for `A < 1`, and `p_c <= a + b p_s` for `A > 1`.

Why it is valid: `E[S] <= exp(n_c p_c (A-1) + n_s p_s (B-1) + n_c a (1-A))` because `1 + x <= e^x`,
and with B as above the exponent is `n_c (A-1) (p_c - a - b p_s)`, which is at most 0 under the
null. It holds for Bernoulli and Poisson counts and for sums of values in [0, 1].

For an alternative `(t_c, t_s)` the growth `n_c t_c ln A + n_s t_s ln B + n_c a (1-A)` is largest
at the smaller root of `a rho A^2 - (rho t_c + b t_s + a (1+rho)) A + (1+rho) t_c = 0`. With a = 0
this is the split e-value; for common events `affine` is better, as there.

Source: as `split`, whose proof it extends by an intercept.
"""

from __future__ import annotations

import math


def log_rare(
    x_c: float,
    n_c: float,
    x_s: float,
    n_s: float,
    t_c: float,
    t_s: float,
    intercept: float,
    slope: float,
) -> float:
    """Give the logarithm of the e-value of one block.

    Args:
        x_c: Bad answers of the candidate, 0 <= x_c <= n_c.
        n_c: Exposures of the candidate, > 0.
        x_s: Bad answers of stable, 0 <= x_s <= n_s.
        n_s: Exposures of stable, > 0.
        t_c: The alternative's share of the candidate, > 0.
        t_s: The alternative's share of stable, > 0.
        intercept: `a`, >= 0.
        slope: `b`, > 0.
    """
    rho = slope * n_c / n_s
    square = intercept * rho
    line = rho * t_c + slope * t_s + intercept * (1 + rho)
    constant = (1 + rho) * t_c
    # The discriminant is positive: at A = 1 the parabola is t_c - a - b t_s, at 0 it is above 0.
    root = math.sqrt(max(line * line - 4 * square * constant, 0.0))
    of_candidate = 2 * constant / (line + root)
    of_stable = 1 + rho * (1 - of_candidate)
    return (
        x_c * math.log(of_candidate)
        + x_s * math.log(of_stable)
        + n_c * intercept * (1 - of_candidate)
    )
