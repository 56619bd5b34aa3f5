"""The k-category e-value with a margin: do two arms' values fall into the same bins?

For stable's guessed distribution P, an alternative q with the ratios `rho_b = q_b / P_b` in any
order, `w = n_c / n` and `h_b = rho_b / (1 - w + w rho_b)`::

    log S = sum_b x_{c,b} ln h_b + x_{s,b} ln(1 / (1 - w + w rho_b)) - n_c m (max h - min h)

Null: the total variation of the arms' distributions, `sum_b |p_{c,b} - p_{s,b}| / 2`, is at most
the margin m. Stable's distribution may be anything and may change from block to block: what
happens to both arms alike cancels. With m = 0 it is the k-category GRO e-value of equality.

Why it is valid: `1 + x <= e^x` gives `E[S] <= exp(n_c sum_b (p_{c,b} - p_{s,b}) h_b - n_c m range)`
because `w h_b + (1 - w) / (1 - w + w rho_b) = 1`, and the sum is at most the total variation times
the range of h. For two categories and the opposite null, that the candidate's share of the first
is at least m larger, the same formula holds with a falling h and the margin's sign turned.

A wrong guess of P or q costs power, not validity; both must come from before the block.

Source: Turner, Ly and Grünwald 2024 (k-sample e-values); the margin is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.engine.kernels.categories import Ratios


def log_moved(
    x_c: Sequence[float], x_s: Sequence[float], alternatives: Sequence[Ratios], margin: float
) -> list[float]:
    """Give the logarithm of the e-value of one block for each alternative.

    Args:
        x_c: The candidate's counts per category, >= 0, at least one > 0.
        x_s: Stable's counts of the same length, >= 0.
        alternatives: Each alternative's ratios, > 0, in any order.
        margin: The total variation that is allowed, >= 0.
    """
    n_c = sum(x_c)
    w = n_c / (n_c + sum(x_s))
    both = [c + s for c, s in zip(x_c, x_s, strict=True)]
    logs = []
    for ratios in alternatives:
        log = -n_c * margin * (_share(max(ratios), w) - _share(min(ratios), w))
        for ratio, of_candidate, of_both in zip(ratios, x_c, both, strict=True):
            if of_both:
                log -= of_both * math.log(1 - w + w * ratio)
            if of_candidate:
                log += of_candidate * math.log(ratio)
        logs.append(log)
    return logs


def log_not_moved(
    x_c: float, n_c: float, x_s: float, n_s: float, share: float, ratio: float, margin: float
) -> float:
    """Give the logarithm of the e-value of one block that one category is no larger.

    Null: the candidate's share of the category is at least `margin` larger than stable's.

    Args:
        x_c: The candidate's values in the category, 0 <= x_c <= n_c.
        n_c: Of all its values, > 0.
        x_s: Stable's values in the category, 0 <= x_s <= n_s.
        n_s: Of all its values, > 0.
        share: A guess of stable's share, in (0, 1).
        ratio: The alternative's share of the candidate over `share`, in (0, 1).
        margin: > 0.
    """
    w = n_c / (n_c + n_s)
    other = (1 - ratio * share) / (1 - share)
    here, there = 1 - w + w * ratio, 1 - w + w * other
    log = x_c * math.log(ratio / here) + (n_c - x_c) * math.log(other / there)
    log -= x_s * math.log(here) + (n_s - x_s) * math.log(there)
    return log + n_c * margin * (other / there - ratio / here)


def _share(ratio: float, w: float) -> float:
    return ratio / (1 - w + w * ratio)
