"""How far an arm's values scatter: the standard deviation that a test of means needs.

Two sources, both of blocks before the one that is judged:

- the values' own squares, where somebody counts them;
- the jumps of the mean from one scrape to the next, `D^2 n n' / (n + n')`, whose mean is the
  variance of independent values, and more where they come in bursts. Requests of one scrape are
  not independent, so these jumps can only raise what the squares say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from headrace.engine.observations import Sums, Value

_ENOUGH_PAIRS = 8
_ENOUGH_VALUES = 50.0


def sums(value: Value | None) -> Sums | None:
    """Give sums that a test can use; None without values or if a number is not finite."""
    if not isinstance(value, Sums) or not 0 < value.count < math.inf:
        return None
    if not math.isfinite(value.sum):
        return None
    squares = value.squares
    if squares is not None and (not math.isfinite(squares) or squares < 0):
        return replace(value, squares=None)
    return value


@dataclass(frozen=True, slots=True)
class Spread:
    """What was seen of one arm's values.

    Attributes:
        count: Values.
        sum: Of them.
        squared: Values whose squares were counted too.
        total: Their sum.
        squares: The sum of their squares.
        jumps: The sum of `D^2 n n' / (n + n')`.
        pairs: How many jumps.
        last: Count and sum of the last block; empty before.
    """

    count: float = 0.0
    sum: float = 0.0
    squared: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    jumps: float = 0.0
    pairs: float = 0.0
    last: tuple[float, ...] = ()

    def learned(self, block: Sums) -> Spread:
        """Add one block, with values."""
        jumps, pairs = self.jumps, self.pairs
        if self.last:
            n, before = block.count, self.last[0]
            jump = block.sum / n - self.last[1] / before
            jumps += jump * jump * n * before / (n + before)
            pairs += 1.0
        counted = block.squares is not None
        return Spread(
            self.count + block.count,
            self.sum + block.sum,
            self.squared + (block.count if counted else 0.0),
            self.total + (block.sum if counted else 0.0),
            self.squares + (block.squares or 0.0),
            jumps,
            pairs,
            (block.count, block.sum),
        )

    @property
    def mean(self) -> float:
        """The mean of the values, of which there are some."""
        return self.sum / self.count

    @property
    def variance(self) -> float | None:
        """What one value adds to the variance of a sum, > 0; None while it is not known."""
        within = 0.0
        if self.squared >= _ENOUGH_VALUES:
            mean = self.total / self.squared
            within = max(self.squares / self.squared - mean * mean, 0.0)
        known = self.pairs >= _ENOUGH_PAIRS
        noise = math.sqrt(3 / self.pairs) if known else 0.0
        between = self.jumps / self.pairs if known else 0.0
        if within > 0:
            return between if between > within * (1 + 2 * noise) else within
        # Nothing but the jumps: a variance that is guessed too small would be false evidence.
        return between * (1 + noise) or None
