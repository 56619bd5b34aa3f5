"""A tolerated slowdown, by relabelling buckets: exact, and without an assumption on shapes.

"The candidate is no slower than `T(X_s) = max(tolerance X_s, X_s + margin)`" becomes "no slower
than stable" if stable's requests are counted where T would at most have put them: the bucket with
the upper bound B goes to the first bucket whose bound is at least T(B). The candidate's buckets
are then rounded up to those that stable can reach. Both maps are monotone, so that the stochastic
order is kept, and the ordinary test is valid on the relabelled counts. Rounding up stable's
slowness is on the side of the candidate: with coarse buckets more is tolerated, never less.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_ROUNDING = 1 - 1e-12


@dataclass(frozen=True, slots=True)
class Relabelling:
    """Where the buckets go.

    Attributes:
        bounds: Finite upper bounds of the categories that are left, rising.
        stable: Per bucket of stable, the index of its category.
        candidate: Per bucket of the candidate, the index of its category.
    """

    bounds: tuple[float, ...]
    stable: tuple[int, ...]
    candidate: tuple[int, ...]

    def of_stable(self, counts: Sequence[float]) -> Sequence[float]:
        """Count stable's requests per category."""
        return self._moved(counts, self.stable)

    def of_candidate(self, counts: Sequence[float]) -> Sequence[float]:
        """Count the candidate's requests per category."""
        return self._moved(counts, self.candidate)

    def _moved(self, counts: Sequence[float], categories: Sequence[int]) -> Sequence[float]:
        if len(self.bounds) + 1 == len(categories):
            return counts  # as many categories as buckets: each has its own
        moved = [0.0] * (len(self.bounds) + 1)
        for category, count in zip(categories, counts, strict=True):
            moved[category] += count
        return moved


@lru_cache(maxsize=256)
def relabelling(bounds: tuple[float, ...], tolerance: float, margin: float) -> Relabelling:
    """Build the maps for a tolerance.

    Args:
        bounds: Finite upper bounds of the buckets in seconds, rising; one bucket follows the last.
        tolerance: A factor, >= 1.
        margin: Seconds, >= 0.
    """
    moved = [
        bisect_left(bounds, max(tolerance * bound, bound + margin) * _ROUNDING)
        if tolerance > 1 or margin > 0
        else index
        for index, bound in enumerate(bounds)
    ]
    reached = sorted({*moved, len(bounds)})
    edges = [*bounds, math.inf]
    return Relabelling(
        bounds=tuple(edges[index] for index in reached[:-1]),
        stable=tuple(bisect_left(reached, index) for index in [*moved, len(bounds)]),
        candidate=tuple(bisect_left(reached, index) for index in range(len(bounds) + 1)),
    )
