"""Which arm is probably the best, by quadrature: no draws, so that nothing random is hidden.

Each arm's mean reward has a Beta(1 + earned, 1 + not earned) posterior. On one grid of means, fine
where any of the arms is probable::

    P(i is best)     = integral of f_i(x) prod_{j != i} F_j(x) dx
    E[the best mean] = 1 - integral of prod_j F_j(x) dx
    expected loss of choosing i = E[the best mean] - E[mean of i]

Rewards between 0 and 1 count as fractions of both; that is honest about the mean and cautious
about its spread. The sums may have been forgotten in part, and need not be whole numbers.

These probabilities steer a bandit's traffic. They are no proof: with equal arms one of them is
"best with 95 %" at some time in most experiments.

Source: Thompson 1933; Scott 2010, "A modern Bayesian look at the multi-armed bandit".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_POINTS = 601
_WIDTHS = (8.0, 40.0)
"""Standard deviations on both sides of an arm's mean in which the grid is fine, and less fine: a
posterior that is close to 0 has a long tail."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of the arms, in their order.

    Attributes:
        best: Probability that each is the best; they sum to 1.
        loss: What choosing each is expected to lose, as a share of the best arm's mean.
    """

    best: tuple[float, ...]
    loss: tuple[float, ...]

    @property
    def leader(self) -> int:
        """The arm that is most probably the best; of equal ones the first."""
        return self.best.index(max(self.best))


def believe(arms: Sequence[tuple[float, float]]) -> Belief:
    """Judge the arms.

    Args:
        arms: Per arm, how many rewards there were, and their sum; `0 <= sum <= count`.
    """
    shapes = [(1.0 + total, 1.0 + count - total) for count, total in arms]
    grid = _grid(shapes)
    densities = [_density(grid, a, b) for a, b in shapes]
    below = [_cumulative(grid, density) for density in densities]
    best = []
    for index, density in enumerate(densities):
        others = np.prod([f for j, f in enumerate(below) if j != index], axis=0)
        best.append(_integral(grid, density * others))
    total = sum(best)
    all_below = np.prod(below, axis=0)
    highest = float(grid[-1]) - _integral(grid, all_below)
    losses = [max(0.0, highest - a / (a + b)) / highest for a, b in shapes]
    return Belief(tuple(p / total for p in best), tuple(losses))


def _grid(shapes: Sequence[tuple[float, float]]) -> Floats:
    pieces = [np.linspace(0.0, 1.0, _POINTS)]
    for a, b in shapes:
        mean = a / (a + b)
        deviation = math.sqrt(mean * (1 - mean) / (a + b + 1))
        for spread in (width * deviation for width in _WIDTHS):
            pieces.append(np.linspace(max(mean - spread, 0.0), min(mean + spread, 1.0), _POINTS))
    return np.unique(np.concatenate(pieces))


def _integral(grid: Floats, values: Floats) -> float:
    return float(np.sum(np.diff(grid) * (values[1:] + values[:-1]) / 2))


def _density(grid: Floats, a: float, b: float) -> Floats:
    inside = np.clip(grid, 1e-12, 1 - 1e-12)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    density = np.exp((a - 1) * np.log(inside) + (b - 1) * np.log1p(-inside) - log_beta)
    return np.asarray(density / _integral(grid, density))


def _cumulative(grid: Floats, density: Floats) -> Floats:
    steps = np.diff(grid) * (density[1:] + density[:-1]) / 2
    return np.concatenate(([0.0], np.minimum(np.cumsum(steps), 1.0)))
