"""Draws what two arms did, scrape by scrape, as a scenario says; the same for the same seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from headrace.engine.observations import Counts, Histogram
from headrace.simulate.scenario import Latency, Scenario, Slowdown, exceeds

_INCIDENT_SECONDS = 120.0
_INCIDENT_FAILURES = 10.0
_INCIDENT_SLOWDOWN = 1.5
_OUTAGE_SECONDS = 120.0
_HEALTHY = Slowdown()
_UNTIMED = Histogram((math.inf,), (0.0,))


@dataclass(frozen=True, slots=True)
class Arm:
    """What one arm did in a scrape."""

    requests: Counts
    latency: Histogram

    def plus(self, other: Arm) -> Arm:
        """Add another scrape of the same arm: what a counter shows after a gap."""
        a, b = self.requests, other.requests
        counts = zip(self.latency.counts, other.latency.counts, strict=True)
        latency = Histogram(self.latency.bounds, tuple([x + y for x, y in counts]))
        return Arm(Counts(a.bad + b.bad, a.total + b.total), latency)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What happened in a scrape.

    Attributes:
        stable: What stable did.
        candidate: What the candidate did; without requests where it had no traffic.
        seen: Whether the metrics could be read.
    """

    stable: Arm
    candidate: Arm
    seen: bool


class Traffic:
    """One rollout's traffic."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        run: int,
        *,
        interval: float,
        length: float,
        timed: bool = True,
    ) -> None:
        """Begin.

        Args:
            scenario: What happens.
            seed: Of the whole simulation.
            run: Which rollout of it.
            interval: Seconds between two scrapes, > 0.
            length: Seconds over which incidents are spread: the schedule.
            timed: Whether latencies are drawn; without, histograms are empty.
        """
        self._scenario = scenario
        self._interval = interval
        self._timed = timed
        self._random = np.random.default_rng([seed, run])
        latest = max(length - _INCIDENT_SECONDS, 0.0)
        self._incidents = self._random.uniform(0, latest, scenario.incidents)
        self._wander = self._random.normal(size=2)
        self._blind_until = -math.inf
        self._edges = (*scenario.latency.bounds, math.inf)

    def draw(self, time: float, stable: float, candidate: float) -> Drawn:
        """Draw the scrape that ends at a time.

        Args:
            time: Seconds since the start; negative before it, when all is well.
            stable: Share of the requests that stable gets, in [0, 1].
            candidate: The same of the candidate, or of its mirror.
        """
        scenario = self._scenario
        incident = any(begin < time <= begin + _INCIDENT_SECONDS for begin in self._incidents)
        bad = time > scenario.onset
        usual = scenario.base * (_INCIDENT_FAILURES if incident else 1.0)
        slower = _INCIDENT_SLOWDOWN if incident else 1.0
        wander = self._wandered()
        of_stable = self._arm(stable, usual * wander[0], slower, _HEALTHY)
        of_candidate = self._arm(
            candidate,
            usual * wander[1] * (scenario.worse if bad else 1.0),
            slower,
            scenario.slowdown if bad else _HEALTHY,
        )
        return Drawn(of_stable, of_candidate, self._seen(time))

    def healthy(self, share: float) -> Arm:
        """Draw a further arm that is as good as stable; see `draw`."""
        return self._arm(share, self._scenario.base, 1.0, _HEALTHY)

    def _arm(self, share: float, failing: float, slower: float, slowdown: Slowdown) -> Arm:
        n = int(self._random.poisson(self._scenario.rate * self._interval * share))
        bad = self._failures(n, min(failing, 1.0))
        if not self._timed:
            return Arm(Counts(float(bad), float(n)), _UNTIMED)
        chances = chances_of(self._scenario.latency, slower, slowdown)
        counts = self._random.multinomial(n, chances)
        latency = Histogram(self._edges, tuple(counts.astype(float).tolist()))
        return Arm(Counts(float(bad), float(n)), latency)

    def _failures(self, n: int, p: float) -> int:
        burst = self._scenario.burst
        if burst <= 1:
            return int(self._random.binomial(n, p))
        # Geometric bursts with E[size^2] / E[size] = burst.
        stop = 2 / (burst + 1)
        bursts = int(self._random.poisson(n * p * stop))
        sizes = int(self._random.geometric(stop, bursts).sum())
        return min(sizes, n)

    def _wandered(self) -> tuple[float, float]:
        """Give both arms' failure rates relative to their means."""
        spread = self._scenario.wander
        if not spread:
            return 1.0, 1.0
        memory = self._scenario.memory
        fresh = self._random.normal(size=2) * math.sqrt(1 - memory**2)
        self._wander = memory * self._wander + fresh
        stable, candidate = np.maximum(1 + spread * self._wander, 0.05).tolist()
        return stable, candidate

    def _seen(self, time: float) -> bool:
        outage = self._scenario.outage
        if not outage or time <= 0:
            return True
        if time > self._blind_until:
            begins = outage * self._interval / _OUTAGE_SECONDS / (1 - outage)
            if self._random.random() < begins:
                self._blind_until = time + _OUTAGE_SECONDS
        return time > self._blind_until


@lru_cache(maxsize=64)
def chances_of(latency: Latency, slower: float, slowdown: Slowdown) -> NDArray[np.float64]:
    """Give the chances of the buckets.

    Args:
        latency: The healthy distribution.
        slower: How many times as long everything takes.
        slowdown: What comes on top.
    """
    share = slowdown.share
    tails = [
        (1 - share) * exceeds(latency, bound / slower)
        + share * exceeds(latency, bound / slower / slowdown.factor)
        for bound in latency.bounds
    ]
    chances = np.maximum(-np.diff([1.0, *tails, 0.0]), 0.0)
    scaled: NDArray[np.float64] = chances / chances.sum()
    return scaled
