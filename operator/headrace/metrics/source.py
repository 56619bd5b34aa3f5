"""The seam to the numbers: one `Metrics` protocol, asked once a tick for all rollouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from headrace.api import Check
from headrace.engine.counters import RouterCounters
from headrace.engine.observations import CATCHING_UP, Interval, MetricKey, Problem


@dataclass(frozen=True, slots=True)
class Request:
    """Which observations one rollout needs.

    Attributes:
        rollout: `namespace/name`.
        model: The model's name, as its servers label their metrics.
        stable: The stable version.
        candidates: The versions under test, at least one. All are cut at the same moments, so
            that what stable did is the same for each, and they can be compared with each other.
        since: Per metric, Unix seconds up to which its counters have been used.
        interval: Seconds between judgements; an arm silent for longer than a few of them is gone.
        counters: What counts its requests.
        queries: For metrics that the spec defines, the check whose query it is.
    """

    rollout: str
    model: str
    stable: str
    candidates: tuple[str, ...]
    since: Mapping[MetricKey, float]
    interval: float
    counters: RouterCounters
    queries: Mapping[MetricKey, Check] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was read for one rollout.

    Attributes:
        intervals: Per metric in order of time, one per candidate and cut; each increment of a
            candidate's counter is in exactly one, stable's in one of each candidate.
        watermarks: Per metric, the `since` of the next request.
        problems: Metrics that could not be read. Missing data, not bad data.
    """

    intervals: tuple[Interval, ...] = ()
    watermarks: Mapping[MetricKey, float] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        return any(problem.reason == CATCHING_UP for problem in self.problems)


class Metrics(Protocol):
    """Something that has counted what the arms did."""

    def time(self, now: float) -> float:
        """Give the time by the clock that intervals go by; ours, as long as that is not known.

        Args:
            now: By our clock, Unix seconds.
        """
        ...

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new, for every rollout at once.

        Reading is repeatable: the same request gives the same intervals, for as long as the
        counters are kept. Never raises for a source that is down or answers nonsense: those are
        `problems`.

        Args:
            requests: One per rollout.
            now: By our clock, Unix seconds.

        Returns:
            By the rollout's key; one entry per request.
        """
        ...
