"""Draws what two arms did, scrape by scrape, as a scenario says; the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from headrace.engine.observations import Counts, Halves, Histogram
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
    halves: Halves | None = None
    """Of its servers, if there are several."""

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
        # Only where there are several, so that the others draw what they always drew.
        unlike = self._random.normal(size=(2, scenario.servers)) if scenario.servers > 1 else None
        self._servers = None if unlike is None else np.maximum(1 + scenario.unlike * unlike, 0.05)
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
        servers = (None, None) if self._servers is None else tuple(self._servers)
        of_stable = self._arm(stable, usual * wander[0], slower, _HEALTHY, servers[0])
        of_candidate = self._arm(
            candidate,
            usual * wander[1] * (scenario.worse if bad else 1.0),
            slower,
            scenario.slowdown if bad else _HEALTHY,
            servers[1],
        )
        return Drawn(of_stable, of_candidate, self._seen(time))

    def healthy(self, share: float) -> Arm:
        """Draw a further arm that is as good as stable; see `draw`."""
        return self._arm(share, self._scenario.base, 1.0, _HEALTHY)

    def _arm(
        self,
        share: float,
        failing: float,
        slower: float,
        slowdown: Slowdown,
        servers: NDArray[np.float64] | None = None,
    ) -> Arm:
        n = int(self._random.poisson(self._scenario.rate * self._interval * share))
        if servers is None:
            requests, halves = Counts(float(self._failures(n, min(failing, 1.0))), float(n)), None
        else:
            requests, halves = self._by_server(n, failing, servers)
        if not self._timed:
            return Arm(requests, _UNTIMED, halves)
        chances = chances_of(self._scenario.latency, slower, slowdown)
        counts = self._random.multinomial(n, chances)
        latency = Histogram(self._edges, tuple(counts.astype(float).tolist()))
        return Arm(requests, latency, halves)

    def _by_server(
        self, n: int, failing: float, servers: NDArray[np.float64]
    ) -> tuple[Counts, Halves]:
        totals = self._random.multinomial(n, np.full(len(servers), 1 / len(servers)))
        counts = [
            Counts(float(self._failures(int(total), min(failing * rate, 1.0))), float(total))
            for total, rate in zip(totals, servers, strict=True)
        ]
        halves = Halves(_together(counts[::2]), _together(counts[1::2]))
        return _together(counts), halves

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


def _together(counts: Sequence[Counts]) -> Counts:
    return Counts(sum(one.bad for one in counts), sum(one.total for one in counts))


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
