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

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Ratios = tuple[float, ...]
"""`q_b / P_b` per category, > 0, non-decreasing, with a mean of 1 under P."""


@dataclass(frozen=True, slots=True)
class Table:
    """Several alternatives, with what of them is the same for every block.

    Attributes:
        logs: Logarithms of the ratios, a row each. Shape `(alternatives, categories)`.
        excess: The ratios less 1. The same shape.
    """

    logs: NDArray[np.float64]
    excess: NDArray[np.float64]

    @classmethod
    def of(cls, alternatives: Sequence[Ratios]) -> Table:
        """Prepare the ratios of at least one alternative, all of the same length."""
        ratios = np.array(alternatives)
        return cls(np.log(ratios), ratios - 1)


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


def log_categories(x_c: Sequence[float], x_s: Sequence[float], alternatives: Table) -> list[float]:
    """Give the logarithm of the e-value of one block for each alternative.

    Args:
        x_c: The candidate's counts per category, >= 0, at least one > 0.
        x_s: Stable's counts of the same length, >= 0.
        alternatives: Of as many categories.
    """
    n_c = sum(x_c)
    w = n_c / (n_c + sum(x_s))
    candidate = np.array(x_c)
    both = candidate + np.array(x_s)
    logs = candidate * alternatives.logs - both * np.log1p(w * alternatives.excess)
    found: list[float] = np.add.reduce(logs, axis=1).tolist()
    return found
