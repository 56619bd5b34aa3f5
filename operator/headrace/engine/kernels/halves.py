"""How much stable's own servers differ: the dispersion between two halves of them.

Two halves of one version are compared as the arms will be: what happens to all servers alike
cancels, and what is left is chance and the servers themselves. A scrape's score is::

    D = x_A - w (x_A + x_B)     w = n_A / (n_A + n_B)     v = n_A n_B / (n_A + n_B)

whose variance is `p (1 - p) v` where requests are independent and the servers equal. As for the
scatter over time (`dispersion`), two parts are learned:

- `short`: the sum of `D^2` over that of `p (1 - p) v`.
- `long`, over 20 scrapes and over 60: the same of sums of D and of v. Servers that fail at rates of
  their own add up here, and what it exceeds `short` by is charged per exposure, as a wander is.

The same dead zones and one standard error more keep equal servers from costing anything. Two halves
are one draw: a pair of servers that happen to be alike shows nothing of the others, so that this
takes most of the harm of unequal servers, and a `tolerance` or more servers must do the rest.

Source: as for `dispersion`; the split score is that of the two-sample test of two rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.engine.kernels.dispersion import (
    ENOUGH_EVENTS,
    ENOUGH_SCRAPES,
    ERRORS,
    WINDOWS,
    Dispersion,
    dead_zone,
    independent,
)

Half = tuple[float, float]
"""Failed requests and all requests of one half in one scrape."""


@dataclass(frozen=True, slots=True)
class HalvesScatter:
    """Running sums over scrapes in which both halves had requests: bounded, whatever their number.

    Attributes:
        scrapes: How many.
        bad: Failed requests.
        total: All requests.
        weight: The sum of v.
        squares: The sum of `D^2`.
        recent: The last scrapes, as many as in the longest of `WINDOWS`: each `(v, D)`.
        sums: Per window length, the sums of v and D over the last scrapes.
        windows: Per window length, how many were full.
        weights: Per window length, the sum of the full windows' v.
        scores: Per window length, the sum of the full windows' squared D.
    """

    scrapes: int = 0
    bad: float = 0.0
    total: float = 0.0
    weight: float = 0.0
    squares: float = 0.0
    recent: tuple[tuple[float, float], ...] = ()
    sums: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * len(WINDOWS)
    windows: tuple[int, ...] = (0,) * len(WINDOWS)
    weights: tuple[float, ...] = (0.0,) * len(WINDOWS)
    scores: tuple[float, ...] = (0.0,) * len(WINDOWS)

    def learned(self, first: Half, second: Half) -> HalvesScatter:
        """Add one scrape; one in which a half had no requests changes nothing."""
        (x_a, n_a), (x_b, n_b) = first, second
        if n_a <= 0 or n_b <= 0:
            return self
        n = n_a + n_b
        v, d = n_a * n_b / n, x_a - n_a / n * (x_a + x_b)
        recent = (*self.recent, (v, d))
        parts = [self._widened(scale, recent) for scale in range(len(WINDOWS))]
        sums, windows, weights, scores = zip(*parts, strict=True)
        return HalvesScatter(
            self.scrapes + 1,
            self.bad + x_a + x_b,
            self.total + n,
            self.weight + v,
            self.squares + d * d,
            recent[-max(WINDOWS) :],
            sums,
            windows,
            weights,
            scores,
        )

    def _widened(
        self, scale: int, recent: tuple[tuple[float, float], ...]
    ) -> tuple[tuple[float, float], int, float, float]:
        length = WINDOWS[scale]
        v, d = self.sums[scale][0] + recent[-1][0], self.sums[scale][1] + recent[-1][1]
        if len(recent) > length:
            gone = recent[-1 - length]
            v, d = v - gone[0], d - gone[1]
        windows, weight, score = self.windows[scale], self.weights[scale], self.scores[scale]
        if len(recent) < length:
            return (v, d), windows, weight, score
        return (v, d), windows + 1, weight + v, score + d * d

    def dispersion(self) -> Dispersion:
        """Judge what was learned; 1 and 0 where that is too little."""
        few = min(self.bad, self.total - self.bad) < ENOUGH_EVENTS
        if self.scrapes < ENOUGH_SCRAPES or few:
            return Dispersion()
        share = self.bad / self.total
        variance, mean = share * (1 - share), self.weight / self.scrapes
        # 2 from squares, the rest from the skewness of rare counts.
        rare = (1 - 3 * self.weight / self.total) / (mean * variance)
        error = math.sqrt((2 + rare) / self.scrapes)
        found = self.squares / (self.weight * variance)
        short = found * (1 + error) if found > 1 + ERRORS * error else 1.0
        drift = 0.0
        for scale, length in enumerate(WINDOWS):
            if self.windows[scale] < 2 * length:
                continue
            of = independent(self.scrapes, length)
            far = self.scores[scale] / (self.weights[scale] * variance)
            if far > short * dead_zone(of, ERRORS):
                drift = max(drift, (far * (1 + math.sqrt(2 / of)) - short) / mean)
        return Dispersion(short, drift)
