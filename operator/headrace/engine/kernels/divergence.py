"""How far a distribution is from a known one: both directions of `KL(ref || q) <= tau`.

The population stability index is close to twice this divergence, so a limit on it is
`tau = PSI / 2`.

**Drifted**, one block: for an alternative a from before the block, and q its reverse information
projection onto the null `KL(ref || q) <= tau`::

    log S = sum_b x_b ln(a_b / q_b)

It is valid because the null is convex (the projection's first-order condition gives
`sum_b p_b a_b / q_b <= 1` for every p in it), also when the distribution changes inside the null
from block to block. An alternative inside the null gives no evidence.

**Close**, all blocks together: universal inference against the complement, which is not convex::

    log E = ln DirMult(x; A ref) - max over KL(ref || q) >= tau of sum_b x_b ln q_b

Both optima lie on the straight line through x/n (or a) and ref: Lagrange's condition is
`q = (x + l ref) / (n + l)`. Along it the divergence falls up to ref and rises beyond, so that the
null's point lies between, and of the complement's boundary there are just two points to compare.

Source: Grünwald, de Heide and Koolen 2024 (projection); Wasserman, Ramdas and Balakrishnan 2020,
"Universal inference".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.kernels.mixture import log_sum
from headrace.engine.kernels.root import root

Shares = Sequence[float]

_CONCENTRATIONS = (100.0, 1000.0)
_PRECISION = 1e-7
_NEAR = 1e-9


def divergence(reference: Shares, shares: Shares) -> float:
    """Give `KL(reference || shares)` in nats; infinite where a share is 0.

    Args:
        reference: All > 0, summing to 1.
        shares: >= 0, summing to 1.
    """
    if min(shares) <= 0:
        return math.inf
    return sum(r * math.log(r / q) for r, q in zip(reference, shares, strict=True))


def project(alternative: Shares, reference: Shares, tau: float) -> list[float]:
    """Find the distribution within the divergence that is closest to an alternative.

    Args:
        alternative: All > 0, summing to 1.
        reference: The same.
        tau: > 0.
    """
    if divergence(reference, alternative) <= tau:
        return list(alternative)
    return _on_line(alternative, reference, _crossing(alternative, reference, tau, 0.0, 1.0))


def log_drifted(x: Shares, alternative: Shares, reference: Shares, tau: float) -> float:
    """Give the logarithm of the e-value of one block that the divergence is above `tau`.

    Args:
        x: Counts per bin, >= 0.
        alternative: From before the block, all > 0, summing to 1.
        reference: The known distribution, the same.
        tau: > 0.
    """
    if divergence(reference, alternative) <= tau:
        return 0.0
    nearest = project(alternative, reference, tau)
    return sum(n * math.log(a / q) for n, a, q in zip(x, alternative, nearest, strict=True) if n)


def log_contradiction(x: Shares, reference: Shares, tau: float) -> float:
    """Give by how much counts are likelier as they are than with a divergence of `tau`.

    This is a likelihood ratio after the fact, and no e-value: it says when to look again.

    Args:
        x: Counts per bin, >= 0; not all need to be whole.
        reference: The known distribution, all > 0, summing to 1.
        tau: > 0.

    Returns:
        In nats; 0 where they are within it.
    """
    n = sum(x)
    if n <= 0:
        return 0.0
    weight = len(x) / 2
    seen = [(count + weight * r) / (n + weight) for count, r in zip(x, reference, strict=True)]
    return log_drifted(x, seen, reference, tau)


def log_close(x: Shares, reference: Shares, tau: float) -> float:
    """Give the logarithm of the evidence of all blocks that the divergence is below `tau`.

    Args:
        x: Counts per bin of all blocks together, >= 0; not all need to be whole.
        reference: The known distribution, all > 0, summing to 1.
        tau: > 0.
    """
    n = sum(x)
    if n <= 0:
        return 0.0
    marginal = log_sum([_log_marginal(x, n, reference, a) for a in _CONCENTRATIONS])
    return marginal - math.log(len(_CONCENTRATIONS)) - log_best_beyond(x, reference, tau)


def log_best_beyond(x: Shares, reference: Shares, tau: float) -> float:
    """Give the largest log-likelihood of a distribution that is at least so far away.

    Args:
        x: Counts per bin, >= 0, with a sum > 0.
        reference: The known distribution, all > 0, summing to 1.
        tau: The least divergence, > 0.
    """
    n = sum(x)
    seen = [count / n for count in x]
    if divergence(reference, seen) >= tau:
        return sum(count * math.log(q) for count, q in zip(x, seen, strict=True) if count)
    if max(abs(q - r) for q, r in zip(seen, reference, strict=True)) < _NEAR:
        # At ref itself all directions are alike.
        return n * (sum(r * math.log(r) for r in reference) - tau)
    # The line leaves the simplex where its first share becomes 0.
    before = max(-q / (r - q) for q, r in zip(seen, reference, strict=True) if r > q)
    after = min(q / (q - r) for q, r in zip(seen, reference, strict=True) if q > r)
    places = (
        _crossing(seen, reference, tau, before, 0.0),
        _crossing(seen, reference, tau, after, 1.0),
    )
    return max(
        sum(
            count * math.log(q)
            for count, q in zip(x, _on_line(seen, reference, place), strict=True)
            if count
        )
        for place in places
    )


def _on_line(shares: Shares, reference: Shares, place: float) -> list[float]:
    return [q + place * (r - q) for q, r in zip(shares, reference, strict=True)]


def _crossing(
    shares: Shares, reference: Shares, tau: float, outside: float, inside: float
) -> float:
    """Find where the line has the divergence `tau`, between a place beyond it and one within."""

    def excess(place: float) -> tuple[float, float]:
        # `root` looks for the change from negative values, which here are those within.
        value, slope = -tau, 0.0
        for q, r in zip(shares, reference, strict=True):
            here = q + place * (r - q)
            if here <= 0:
                return math.inf, 0.0
            value += r * math.log(r / here)
            slope -= r * (r - q) / here
        return value, slope

    return root(excess, inside, outside, (inside + outside) / 2, tolerance=_PRECISION)


def _log_marginal(x: Shares, n: float, reference: Shares, concentration: float) -> float:
    """Give the logarithm of the mean likelihood of x under a Dirichlet prior around ref."""
    log = math.lgamma(concentration) - math.lgamma(concentration + n)
    for count, share in zip(x, reference, strict=True):
        if count:
            prior = concentration * share
            log += math.lgamma(prior + count) - math.lgamma(prior)
    return log
