"""How much more the counts of a scrape scatter than chance alone: learned before the rollout.

Requests are not independent: failures come in bursts, latencies rise together. A test that takes
them for independent rolls back healthy candidates. So every e-value is tempered: its logarithm is
divided by `phi >= 1`, which is valid for any phi (Jensen) and makes the test right to first order
if the variance is phi times that of independent requests.

Two parts are learned from stable's scrapes, for each series of slow or failed counts:

- `short`, from one scrape to the next: the mean of `D^2 n n' / (n + n')` over `p (1 - p)`, where
  D is the difference of two successive shares (von Neumann's successive differences).
- `long`, over 20 scrapes: the variance of overlapping sums over that of independent requests,
  which is a Newey-West estimate with a Bartlett window. What it exceeds `short` by is a wander of
  the rate, whose weight grows with the block: `phi = short + drift n w (1 - w)`.

An excess within twice the estimate's standard error counts as none. Of several series the largest
counts.

Sources: von Neumann 1941; Newey and West 1987; McCullagh and Nelder 1989, section 4.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 20
"""Scrapes in a sum: 5 minutes at 15 s."""
_ENOUGH_SCRAPES = 8
_ENOUGH_WINDOWS = 2 * WINDOW
_ENOUGH_EVENTS = 8.0


@dataclass(frozen=True, slots=True)
class Dispersion:
    """What was learned; 1 and 0 if nothing was.

    Attributes:
        short: Variance of one scrape's count over that of independent requests, >= 1.
        drift: What wandering adds per exposure of the block times `w (1 - w)`, >= 0.
    """

    short: float = 1.0
    drift: float = 0.0

    def tempering(self, n_c: float, n_s: float) -> float:
        """Give phi for a block with these exposures, which are > 0 together."""
        return self.short + self.drift * n_c * n_s / (n_c + n_s)


@dataclass(frozen=True, slots=True)
class Scatter:
    """Running sums over stable's scrapes: bounded, whatever the length of the history.

    Attributes:
        scrapes: How many had requests.
        exposures: Their sum.
        events: Per series, the sum of the counts.
        jumps: Per series, the sum of `D^2 n n' / (n + n')`.
        recent: The last scrapes, at most `WINDOW`: each `(n, x_1, ..., x_k)`.
        window: Their sum.
        windows: How many sums of `WINDOW` scrapes.
        n_n: The sum of their squared exposures.
        n: The sum of their exposures.
        x_x: Per series, the sum of their squared counts.
        x_n: Per series, the sum of the products of counts and exposures.
    """

    scrapes: int
    exposures: float
    events: tuple[float, ...]
    jumps: tuple[float, ...]
    recent: tuple[tuple[float, ...], ...]
    window: tuple[float, ...]
    windows: int
    n_n: float
    n: float
    x_x: tuple[float, ...]
    x_n: tuple[float, ...]

    @classmethod
    def empty(cls, series: int) -> Scatter:
        """Start with no scrapes of so many series."""
        zeros = (0.0,) * series
        return cls(0, 0.0, zeros, zeros, (), (0.0, *zeros), 0, 0.0, 0.0, zeros, zeros)

    def learned(self, exposures: float, events: Sequence[float]) -> Scatter:
        """Add one scrape.

        Args:
            exposures: n; a scrape without any changes nothing.
            events: Counts out of n, one per series.
        """
        if exposures <= 0:
            return self
        scrape = (exposures, *events)
        jumps, recent, window = self.jumps, (*self.recent, scrape), self.window
        if self.recent:
            before, *counts = self.recent[-1]
            weight = exposures * before / (exposures + before)
            jumps = tuple(
                [
                    jump + weight * (x / exposures - y / before) ** 2
                    for jump, x, y in zip(jumps, events, counts, strict=True)
                ]
            )
        window = tuple([a + x for a, x in zip(window, scrape, strict=True)])
        if len(recent) > WINDOW:
            window = tuple([a - x for a, x in zip(window, recent[0], strict=True)])
            recent = recent[1:]
        windows, n_n, sum_n, x_x, x_n = self.windows, self.n_n, self.n, self.x_x, self.x_n
        if len(recent) == WINDOW:
            n, *sums = window
            windows, n_n, sum_n = windows + 1, n_n + n * n, sum_n + n
            x_x = tuple([a + x * x for a, x in zip(x_x, sums, strict=True)])
            x_n = tuple([a + x * n for a, x in zip(x_n, sums, strict=True)])
        return Scatter(
            self.scrapes + 1,
            self.exposures + exposures,
            tuple([a + x for a, x in zip(self.events, events, strict=True)]),
            jumps,
            recent,
            window,
            windows,
            n_n,
            sum_n,
            x_x,
            x_n,
        )

    def dispersion(self) -> Dispersion:
        """Judge what was learned."""
        if self.scrapes < _ENOUGH_SCRAPES:
            return Dispersion()
        mean = self.exposures / self.scrapes
        short, drift = 1.0, 0.0
        for index, events in enumerate(self.events):
            if min(events, self.exposures - events) < _ENOUGH_EVENTS:
                continue
            near = self._near(index, mean)
            far = self._far(index)
            short = max(short, near)
            # The pair's score has the wander of both arms, hence twice.
            if far > near * self._dead_zone_of_windows():
                drift = max(drift, 2 * (far - near) / mean)
        return Dispersion(short, drift)

    def _variance(self, index: int) -> float:
        share = self.events[index] / self.exposures
        return share * (1 - share)

    def _near(self, index: int, mean: float) -> float:
        pairs = self.scrapes - 1
        variance = self._variance(index)
        phi = self.jumps[index] / pairs / variance
        # 3 from squares of overlapping differences, the rest from the skewness of rare counts.
        dead_zone = 1 + 2 * math.sqrt((3 + 1 / (mean * variance)) / pairs)
        return phi if phi > dead_zone else 1.0

    def _far(self, index: int) -> float:
        if self.windows < _ENOUGH_WINDOWS:
            return 1.0
        share = self.events[index] / self.exposures
        squares = self.x_x[index] - 2 * share * self.x_n[index] + share * share * self.n_n
        lost_to_the_mean = 1 - WINDOW / self.scrapes
        return squares / (self._variance(index) * self.n * lost_to_the_mean)

    def _dead_zone_of_windows(self) -> float:
        if self.windows < _ENOUGH_WINDOWS:
            return math.inf
        independent = 1.5 * self.scrapes / WINDOW
        return 1 + 2 * math.sqrt(2 / independent)
