"""How often the checks are wrong, and how fast they are right, beside the peers' documented rules.

    python bench/decisions.py [RUNS]

One simulated rollout: 15 s scrapes, weights of 5, 10, 25 and 50 % for 5 minutes each, after an
hour of stable's history. One check alone decides, at a false-rollback risk of 1 % and a
missed-regression risk of 5 %. Everything is seeded: the same numbers each time.

- false %: healthy candidates rolled back.  found %: bad candidates rolled back.
- minutes: median from the onset of the regression to the rollback.
- bad requests: mean number that a bad candidate answered; a miss counts the whole schedule, and
  a rollback before the regression began is left out.
- proved %, minutes: candidates proved to be within the limit, and the median time it took.
- us: processor time of one judgement, to absorb an interval and to read the evidence.

Argo Rollouts: success rate of the last minute >= 95 %, each minute, `failureLimit: 3` (the fourth
failure ends it). Flagger: success rate >= 99 % and p99 <= 500 ms over one minute, each minute,
`threshold: 5`, and the rollback one tick later. Two things to know when reading their rows: Argo's
documentation looks every 5 minutes, here it looks every minute, which is in its favour; and a base
of 1 % failures lies exactly on Flagger's default, which is in ours.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean, median
from typing import Protocol

import numpy as np

from headrace.api import Analysis, Check, WorseThanStable
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.build import checks_of
from headrace.engine.observations import Counts, Histogram, Interval, Metric, Value

SCRAPE = 15.0
WEIGHTS = (0.05, 0.10, 0.25, 0.50)
PER_STEP = 20
SCRAPES = PER_STEP * len(WEIGHTS)
HISTORY = 240
HARMFUL = math.log(1 / 0.01)
PROVED = math.log(1 / 0.05)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf)
MEDIAN_SECONDS, SPREAD = 0.1, 0.6
SEED = 20


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens in a rollout.

    Attributes:
        name: For the table.
        base: Stable's share of failed requests.
        worse: The candidate's, from the onset on.
        slower: How many times slower the candidate is, for a latency scenario.
        rate: Requests per second.
        onset: Scrapes before the candidate turns bad.
        incident: Whether both arms fail ten times as often for two minutes.
        bursts: Whether failures come in bursts (a variance three times as large).
    """

    name: str
    base: float = 0.01
    worse: float = 0.01
    slower: float | None = None
    rate: float = 40.0
    onset: int = 0
    incident: bool = False
    bursts: bool = False

    @property
    def healthy(self) -> bool:
        """Whether a rollback is false."""
        return self.worse == self.base and self.slower in (None, 1.0)


SCENARIOS = (
    Scenario("equal"),
    Scenario("equal, 5 rps", rate=5.0),
    Scenario("equal, base .1 %", base=0.001, worse=0.001),
    Scenario("equal, base 0", base=0.0, worse=0.0),
    Scenario("equal, base 30 %", base=0.3, worse=0.3),
    Scenario("shared incident", incident=True),
    Scenario("bursts", bursts=True),
    Scenario("1 -> 2 %", worse=0.02),
    Scenario("1 -> 1.5 %", worse=0.015),
    Scenario("1 -> 10 %", worse=0.10),
    Scenario("late 1 -> 3 %", worse=0.03, onset=48),
    Scenario("bursts 1 -> 2 %", worse=0.02, bursts=True),
    Scenario("5 rps 1 -> 2 %", worse=0.02, rate=5.0),
    Scenario("latency equal", slower=1.0),
    Scenario("latency equal, 5 rps", slower=1.0, rate=5.0),
    Scenario("latency x1.2", slower=1.2),
    Scenario("latency x1.2, 5 rps", slower=1.2, rate=5.0),
)


class Traffic:
    """Draws what the arms did, scrape by scrape."""

    def __init__(self, scenario: Scenario, run: int) -> None:
        self._scenario = scenario
        self._random = np.random.default_rng([SEED, run])
        self._incident = int(self._random.integers(8, SCRAPES - 16))

    def history(self) -> Iterator[Interval]:
        """Give an hour of stable alone."""
        for index in range(-HISTORY, 0):
            n = self._requests(1.0)
            yield self._interval(index, self._value(n, self._scenario.base, 1.0), None)

    def rollout(self) -> Iterator[Interval]:
        """Give the schedule's scrapes."""
        scenario = self._scenario
        for index in range(SCRAPES):
            weight = WEIGHTS[index // PER_STEP]
            bad = index >= scenario.onset
            outage = 10.0 if scenario.incident and 0 <= index - self._incident < 8 else 1.0
            stable = self._value(self._requests(1 - weight), scenario.base * outage, 1.0)
            candidate = self._value(
                self._requests(weight),
                (scenario.worse if bad else scenario.base) * outage,
                (scenario.slower or 1.0) if bad else 1.0,
            )
            yield self._interval(index, stable, candidate)

    def _requests(self, share: float) -> int:
        return int(self._random.poisson(self._scenario.rate * SCRAPE * share))

    def _interval(self, index: int, stable: Value, candidate: Value | None) -> Interval:
        metric = Metric.REQUESTS if self._scenario.slower is None else Metric.LATENCY
        return Interval(metric, SCRAPE * index, SCRAPE * (index + 1), stable, candidate)

    def _value(self, n: int, failing: float, slower: float) -> Value:
        if self._scenario.slower is not None:
            sample = self._random.lognormal(math.log(MEDIAN_SECONDS * slower), SPREAD, n)
            counts = np.histogram(sample, [0.0, *BOUNDS])[0]
            return Histogram(BOUNDS, tuple(float(count) for count in counts))
        if not self._scenario.bursts:
            return Counts(float(self._random.binomial(n, failing)), float(n))
        # Geometric bursts of two on average: E[size^2] / E[size] = 3.
        sizes = self._random.geometric(0.5, self._random.poisson(n * failing / 2))
        return Counts(float(min(sizes.sum(), n)), float(n))


class Policy(Protocol):
    """Something that may end a rollout."""

    def rolls_back(self, index: int, interval: Interval) -> bool:
        """Look at one scrape."""
        ...


class Headrace:
    """One check of ours, which sees every scrape."""

    def __init__(self, check: SequentialCheck) -> None:
        self._check = check
        self._state = check.initial()
        self.proved: int | None = None
        self.seconds = 0.0

    def learn(self, interval: Interval) -> None:
        """Learn from stable's history."""
        self._state = self._check.absorb(self._state, interval)

    def rolls_back(self, index: int, interval: Interval) -> bool:
        """Judge one scrape."""
        begun = time.process_time()
        self._state = self._check.absorb(self._state, interval)
        reading = self._check.read(self._state)
        self.seconds += time.process_time() - begun
        if self.proved is None and reading.proof >= PROVED:
            self.proved = index
        return reading.harm >= HARMFUL


class Threshold:
    """A peer's rule: so many failed minutes of the candidate end the rollout."""

    def __init__(self, success: float, p99: float | None, failures: int, late: int) -> None:
        self._success, self._p99 = success, p99
        self._left = failures
        self._late = late
        self._minute: list[Value] = []

    def rolls_back(self, index: int, interval: Interval) -> bool:
        """Look at the last minute, each minute."""
        if interval.candidate is not None:
            self._minute.append(interval.candidate)
        if (index + 1) % 4:
            return False
        minute, self._minute = self._minute, []
        if self._left <= 0:
            self._late -= 1
            return self._late <= 0
        self._left -= self._fails(minute)
        return self._left <= 0 and self._late == 0

    def _fails(self, minute: list[Value]) -> bool:
        bad = sum(value.bad for value in minute if isinstance(value, Counts))
        total = sum(value.size for value in minute)
        if not total:
            return True
        if isinstance(minute[0], Counts):
            return 1 - bad / total < self._success
        if self._p99 is None:
            return False
        slow = sum(
            count
            for value in minute
            if isinstance(value, Histogram)
            for bound, count in zip(value.bounds, value.counts, strict=True)
            if bound > self._p99
        )
        return slow > 0.01 * total


def check_of(scenario: Scenario) -> SequentialCheck:
    """Make the check that a scenario is about, with its defaults."""
    latency = scenario.slower is not None
    check = Check(
        name="check",
        metric="latency" if latency else "error-rate",
        worse_than_stable=WorseThanStable(ratio=1.2 if latency else 1.5),
    )
    return checks_of(Analysis(checks=[check]))[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """When a policy rolled back (None: never), and what the bad candidate had answered."""

    scrape: int | None
    bad_requests: float


def one_run(scenario: Scenario, run: int) -> tuple[dict[str, Outcome], Headrace]:
    """Simulate one rollout under all policies."""
    traffic = Traffic(scenario, run)
    ours = Headrace(check_of(scenario))
    for interval in traffic.history():
        ours.learn(interval)
    policies: dict[str, Policy] = {
        "headrace": ours,
        "argo >=95 %": Threshold(0.95, None, failures=4, late=0),
        "flagger >=99 %": Threshold(0.99, 0.5, failures=5, late=1),
    }
    ended: dict[str, Outcome] = {}
    answered = 0.0
    for index, interval in enumerate(traffic.rollout()):
        if index >= scenario.onset and interval.candidate is not None:
            answered += interval.candidate.size
        for name, policy in policies.items():
            if policy.rolls_back(index, interval) and name not in ended:
                ended[name] = Outcome(index, answered)
    missed = Outcome(None, answered)
    return {name: ended.get(name, missed) for name in policies}, ours


def minutes(scrapes: list[int], onset: int = 0) -> str:
    """Write a median time, counted from the onset."""
    if not scrapes:
        return "-"
    return f"{median((index + 1 - onset) * SCRAPE / 60 for index in scrapes):.1f}"


def main(runs: int) -> None:
    """Print the table.

    Args:
        runs: Simulated rollouts per scenario.
    """
    print(f"{runs} runs per scenario, seed {SEED}")
    columns = f"{'found or false %':>18} {'minutes':>8} {'bad requests':>13}"
    print(f"{'scenario':<22}{'policy':<16}{columns} {'proved %':>9} {'minutes':>8} {'us':>6}")
    for scenario in SCENARIOS:
        results = [one_run(scenario, run) for run in range(runs)]
        for name in results[0][0]:
            outcomes = [ended[name] for ended, _ in results]
            ends = [o.scrape for o in outcomes if o.scrape is not None]
            # A rollback before the regression began is false, even if the candidate turns bad.
            rightly = [end for end in ends if end >= scenario.onset]
            kind = "false" if scenario.healthy else "found"
            row = f"{scenario.name:<22}{name:<16}{kind:>8} {100 * len(rightly) / runs:9.1f} "
            if scenario.healthy:
                row += f"{minutes(ends):>8} {'':>13}"
            else:
                answered = [o.bad_requests for o in outcomes if o.bad_requests > 0]
                bad = f"{fmean(answered):,.0f}" if answered else "-"
                row += f"{minutes(rightly, scenario.onset):>8} {bad:>13}"
            if name == "headrace":
                proofs = [ours.proved for _, ours in results if ours.proved is not None]
                microseconds = 1e6 * sum(ours.seconds for _, ours in results) / runs / SCRAPES
                row += f" {100 * len(proofs) / runs:9.1f} {minutes(proofs):>8} {microseconds:6.0f}"
            print(row, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
