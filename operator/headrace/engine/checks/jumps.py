"""How much more the blocks scatter than chance alone, seen during the rollout itself.

For tests that have no history to learn from: the arms are split only once there are two of them.
Only blocks before the one that is judged count, so that a test may be tempered by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PRIOR, _PRIOR_PAIRS = 2.0, 4.0


@dataclass(frozen=True, slots=True)
class Jumps:
    """The mean of successive squared differences, each over its expectation for independent values.

    Attributes:
        sum: Of the relative squares.
        pairs: How many.
        last: Counts per category of the last block; empty before.
    """

    sum: float = 0.0
    pairs: float = 0.0
    last: tuple[float, ...] = ()

    @property
    def dispersion(self) -> float:
        """The dispersion, >= 1; until some pairs are known it is taken as twofold."""
        known = _PRIOR * _PRIOR_PAIRS + self.sum
        return max(1.0, known / (_PRIOR_PAIRS + self.pairs))

    def learned(self, counts: Sequence[float], shares: Sequence[float]) -> Jumps:
        """Add a block.

        Args:
            counts: Per category, with a sum > 0.
            shares: What is expected of them, all > 0, summing to 1.
        """
        if len(self.last) != len(counts):
            return Jumps(self.sum, self.pairs, tuple(counts))
        n, before = sum(counts), sum(self.last)
        square = sum(
            (x / n - y / before) ** 2 / share
            for x, y, share in zip(counts, self.last, shares, strict=True)
        )
        square *= n * before / (n + before) / (len(counts) - 1)
        return Jumps(self.sum + square, self.pairs + 1.0, tuple(counts))
