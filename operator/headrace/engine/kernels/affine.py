"""The affine e-value: a limit on the candidate's share of the form `a + b p_s`.

The GRO e-value with the pooled share replaced by the reverse information projection of the
alternative `(t_c, t_s)` onto the line `q_c = a + b q_s`::

    (q_c, q_s) = argmin over the line of n_c KL(t_c || q_c) + n_s KL(t_s || q_s)
    log S = x_c ln(t_c/q_c) + (n_c-x_c) ln((1-t_c)/(1-q_c)) + the same for stable

Null: `p_c <= a + b p_s` if the alternative lies above the line, `p_c >= a + b p_s` if below.

Why it is valid: `E[S] <= exp(n_c g_c (p_c - q_c) + n_s g_s (p_s - q_s))` with
`g = (t - q) / (q (1-q))`, and the projection's first-order condition `b n_c g_c + n_s g_s = 0`
turns the exponent into `n_c g_c (p_c - a - b p_s)`, which is at most 0 under the null. Nothing
else is asked of the shares: base rates of zero are allowed.

With `a > 0` it proves "not worse" where neither arm ever fails, which no ratio can.

Source: Grünwald, de Heide and Koolen 2024, "Safe testing" (reverse information projection);
Turner and Grünwald 2023, "Exact anytime-valid confidence intervals for contingency tables".
"""

from __future__ import annotations

import math

from headrace.engine.kernels.gro import log_likelihood_ratio

_PRECISION = 1e-5
"""Of the product of both variances; the last of Newton's steps squares it."""
_STEPS = 100


def project(
    n_c: float, n_s: float, t_c: float, t_s: float, intercept: float, slope: float
) -> tuple[float, float]:
    """Find the point of the line that is closest to an alternative.

    Args:
        n_c: Exposures of the candidate, > 0.
        n_s: Exposures of stable, > 0.
        t_c: The alternative's share of the candidate, 0 < t_c < 1.
        t_s: The alternative's share of stable, 0 < t_s < 1.
        intercept: `a`, 0 <= a < 1.
        slope: `b`, > 0.

    Returns:
        `(q_c, q_s)`, both strictly between 0 and 1, with `q_c = a + b q_s`.
    """
    crossing = (t_c - intercept) / slope
    if crossing == t_s:
        return t_c, t_s
    # Between these two the derivative changes its sign; it is infinite at shares of 0 and 1.
    low = max(min(crossing, t_s), 0.0)
    high = min(max(crossing, t_s), (1.0 - intercept) / slope, 1.0)
    # Where the variances near the line are taken for constant: two of Newton's steps less.
    edge = intercept + slope * t_s
    pull_c = n_c * slope / max(t_c * (1 - t_c), edge * (1 - edge))
    pull_s = n_s / (t_s * (1 - t_s))
    start = (pull_c * (t_c - intercept) + pull_s * t_s) / (pull_c * slope + pull_s)
    # As `root` does it, written out: there are several of these in every judgement.
    q_s = start if low < start < high else (low + high) / 2
    pull = n_c * slope
    for _ in range(_STEPS):
        # The objective's derivative times both variances: a cubic without poles.
        q_c = intercept + slope * q_s
        v_c, v_s = q_c * (1 - q_c), q_s * (1 - q_s)
        d_c, d_s = pull * (q_c - t_c), n_s * (q_s - t_s)
        value = d_c * v_s + d_s * v_c
        rise = slope * (pull * v_s + d_s * (1 - 2 * q_c)) + n_s * v_c + d_c * (1 - 2 * q_s)
        if value < 0:
            low = q_s
        else:
            high = q_s
        step = q_s - value / rise if rise else math.inf
        tolerance = _PRECISION * v_c * v_s
        done = abs(step - q_s) <= tolerance
        if low < step < high:
            q_s = step
        elif not done:
            q_s = (low + high) / 2
            done = high - low <= tolerance
        if done:
            break
    return intercept + slope * q_s, q_s


def log_affine(
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
        t_c: The alternative's share of the candidate, 0 < t_c < 1.
        t_s: The alternative's share of stable, 0 < t_s < 1.
        intercept: `a`, 0 <= a < 1.
        slope: `b`, > 0.
    """
    q_c, q_s = project(n_c, n_s, t_c, t_s, intercept, slope)
    return log_likelihood_ratio(x_c, n_c, t_c, q_c) + log_likelihood_ratio(x_s, n_s, t_s, q_s)
