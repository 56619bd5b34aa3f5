"""How much more the counts of a scrape scatter than chance alone: learned before the rollout.

Requests are not independent: failures come in bursts, latencies rise together. A test that takes
them for independent rolls back healthy candidates. So every e-value is tempered: its logarithm is
divided by `phi >= 1`, which is valid for any phi (Jensen) and makes the test right to first order
if the variance is phi times that of independent requests.

Two parts are learned from stable's scrapes, for each series of slow or failed counts:

- `short`, from one scrape to the next: the mean of `D^2 n n' / (n + n')` over `p (1 - p)`, where
  D is the difference of two successive shares (von Neumann's successive differences).
- `long`, over 20 scrapes and over 60: the variance of overlapping sums over that of independent
  requests, which is a Newey-West estimate with a Bartlett window. What it exceeds `short` by is a
  wander of the rate, whose weight grows with the block: `phi = short + drift n w (1 - w)`. The
  short windows are many and sure, the long ones see a slow wander; the larger excess counts.

What is found is an estimate: one standard error is added to it, as too little tempering costs the
promised risk and too much only time. An excess within two and a half standard errors counts as
none (of a chi-square, for the few long windows). Of several series the largest counts; the largest
of k estimates strays further by chance, so that there it is `sqrt(6 + 2 ln k)` standard errors.

Sources: von Neumann 1941; Newey and West 1987; McCullagh and Nelder 1989, section 4.5; Wilson and
Hilferty 1931 (chi-square).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WINDOWS = (20, 60)
"""Scrapes in a sum: 5 and 15 minutes at 15 s."""
ENOUGH_SCRAPES = 8
ENOUGH_EVENTS = 8.0
"""Fewer scrapes, or fewer events in all of them, tell nothing."""
ERRORS = math.sqrt(6)
"""Standard errors within which the excess of one series counts as none."""


def independent(scrapes: int, length: int) -> float:
    """Give how many independent windows tell as much as the overlapping ones."""
    return 1.5 * scrapes / length


def dead_zone(windows: float, errors: float) -> float:
    """Give up to what multiple of its mean a variance over so many windows strays by chance."""
    spread = 2 / (9 * windows)
    return float((1 - spread + errors * math.sqrt(spread)) ** 3)


@dataclass(frozen=True, slots=True)
class Dispersion:
    """What was learned; 1 and 0 if nothing was.

    Attributes:
        short: Variance of one scrape's count over that of independent requests, >= 1.
        drift: What wandering adds per exposure of the block times `w (1 - w)`, >= 0.
    """

    short: float = 1.0
    drift: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"short": self.short, "drift": self.drift}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Dispersion:
        """Rebuild what `to_json` gave."""
        return cls(value["short"], value["drift"])

    def widest(self, other: Dispersion) -> Dispersion:
        """Give the larger of both in either part."""
        return Dispersion(max(self.short, other.short), max(self.drift, other.drift))

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
        recent: The last scrapes, as many as in the longest of `WINDOWS`: each `(n, x_1, ..., x_k)`.
        sums: Per window length, the sum of the last scrapes.
        windows: Per length, how many full windows.
        n_n: Per length, the sum of the windows' squared exposures.
        n: Per length, the sum of their exposures.
        x_x: Per length and series, the sum of their squared counts.
        x_n: Per length and series, the sum of the products of counts and exposures.
    """

    scrapes: int
    exposures: float
    events: tuple[float, ...]
    jumps: tuple[float, ...]
    recent: tuple[tuple[float, ...], ...]
    sums: tuple[tuple[float, ...], ...]
    windows: tuple[int, ...]
    n_n: tuple[float, ...]
    n: tuple[float, ...]
    x_x: tuple[tuple[float, ...], ...]
    x_n: tuple[tuple[float, ...], ...]

    @classmethod
    def empty(cls, series: int) -> Scatter:
        """Start with no scrapes of so many series."""
        zeros = (0.0,) * series
        of_each, none = (zeros,) * len(WINDOWS), (0.0,) * len(WINDOWS)
        sums = ((0.0, *zeros),) * len(WINDOWS)
        windows = (0,) * len(WINDOWS)
        return cls(0, 0.0, zeros, zeros, (), sums, windows, none, none, of_each, of_each)

    def learned(self, exposures: float, events: Sequence[float]) -> Scatter:
        """Add one scrape.

        Args:
            exposures: n; a scrape without any changes nothing.
            events: Counts out of n, one per series.
        """
        if exposures <= 0:
            return self
        scrape = (exposures, *events)
        jumps, recent = self.jumps, (*self.recent, scrape)
        if self.recent:
            before, *counts = self.recent[-1]
            weight = exposures * before / (exposures + before)
            jumps = tuple(
                [
                    jump + weight * (x / exposures - y / before) ** 2
                    for jump, x, y in zip(jumps, events, counts, strict=True)
                ]
            )
        parts = [self._widened(scale, recent) for scale in range(len(WINDOWS))]
        sums, windows, n_n, n, x_x, x_n = zip(*parts, strict=True)
        return Scatter(
            self.scrapes + 1,
            self.exposures + exposures,
            tuple([a + x for a, x in zip(self.events, events, strict=True)]),
            jumps,
            recent[-max(WINDOWS) :],
            sums,
            windows,
            n_n,
            n,
            x_x,
            x_n,
        )

    def _widened(
        self, scale: int, recent: tuple[tuple[float, ...], ...]
    ) -> tuple[tuple[float, ...], int, float, float, tuple[float, ...], tuple[float, ...]]:
        """Add the last of the recent scrapes to the sums of one window length."""
        length = WINDOWS[scale]
        total = tuple([a + x for a, x in zip(self.sums[scale], recent[-1], strict=True)])
        if len(recent) > length:
            gone = recent[-1 - length]
            total = tuple([a - x for a, x in zip(total, gone, strict=True)])
        windows, n_n, n = self.windows[scale], self.n_n[scale], self.n[scale]
        x_x, x_n = self.x_x[scale], self.x_n[scale]
        if len(recent) < length:
            return total, windows, n_n, n, x_x, x_n
        exposures, *events = total
        x_x = tuple([a + x * x for a, x in zip(x_x, events, strict=True)])
        x_n = tuple([a + x * exposures for a, x in zip(x_n, events, strict=True)])
        return total, windows + 1, n_n + exposures * exposures, n + exposures, x_x, x_n

    def dispersion(self) -> Dispersion:
        """Judge what was learned."""
        if self.scrapes < ENOUGH_SCRAPES:
            return Dispersion()
        mean = self.exposures / self.scrapes
        short, drift = 1.0, 0.0
        errors = math.sqrt(6 + 2 * math.log(max(len(self.events), 1)))
        for index, events in enumerate(self.events):
            if min(events, self.exposures - events) < ENOUGH_EVENTS:
                continue
            near = self._near(index, mean, errors)
            short = max(short, near)
            for scale in range(len(WINDOWS)):
                far = self._far(index, scale)
                if far > near * self._dead_zone_of_windows(scale, errors):
                    # The pair's score has the wander of both arms, hence twice.
                    error = math.sqrt(2 / independent(self.scrapes, WINDOWS[scale]))
                    drift = max(drift, 2 * (far * (1 + error) - near) / mean)
        return Dispersion(short, drift)

    def _variance(self, index: int) -> float:
        share = self.events[index] / self.exposures
        return share * (1 - share)

    def _near(self, index: int, mean: float, errors: float) -> float:
        pairs = self.scrapes - 1
        variance = self._variance(index)
        phi = self.jumps[index] / pairs / variance
        # 3 from squares of overlapping differences, the rest from the skewness of rare counts.
        error = math.sqrt((3 + 1 / (mean * variance)) / pairs)
        return phi * (1 + error) if phi > 1 + errors * error else 1.0

    def _far(self, index: int, scale: int) -> float:
        if self.windows[scale] < 2 * WINDOWS[scale]:
            return 1.0
        share = self.events[index] / self.exposures
        x_x, x_n = self.x_x[scale][index], self.x_n[scale][index]
        squares = x_x - 2 * share * x_n + share * share * self.n_n[scale]
        lost_to_the_mean = 1 - WINDOWS[scale] / self.scrapes
        return squares / (self._variance(index) * self.n[scale] * lost_to_the_mean)

    def _dead_zone_of_windows(self, scale: int, errors: float) -> float:
        if self.windows[scale] < 2 * WINDOWS[scale]:
            return math.inf
        return dead_zone(independent(self.scrapes, WINDOWS[scale]), errors)
