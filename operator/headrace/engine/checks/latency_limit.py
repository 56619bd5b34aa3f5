"""The latency check against an absolute limit: "95 % of the requests take less than 250 ms"."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.base import State
from headrace.engine.checks.blocks import histogram
from headrace.engine.checks.latency import METRICS, described, estimate
from headrace.engine.checks.latency_reference import exceedances
from headrace.engine.checks.state import dump, load, own
from headrace.engine.checks.wording import count, percent, seconds
from headrace.engine.kernels.dispersion import Dispersion, Scatter
from headrace.engine.observations import Counts, Histogram, Interval, Metric, MetricKey
from headrace.engine.verdicts import Reading


@dataclass(frozen=True, slots=True)
class LatencyAgainstLimit:
    """Does more than the allowed share of the candidate's requests take longer than the limit?

    A histogram knows only its bounds. Harm is counted above the first bound from the limit on, so
    that only what is certainly too slow counts; the proof above the last bound up to it, so that
    everything that may be too slow counts.

    Attributes:
        name: The check's name.
        required: Whether promotion waits for its proof.
        quantile: The share of requests that must be fast enough, in (0, 1).
        limit: Seconds, > 0.
        share: Its prior share of the risk.
    """

    name: str
    required: bool
    quantile: float
    limit: float
    share: float = 0.5

    reason = "Latency"
    compares = False

    @property
    def _test(self) -> str:
        return f"latency-limit/2 {self.quantile!r} {self.limit!r}"

    @property
    def _allowed(self) -> AbsoluteLimit:
        return AbsoluteLimit(1 - self.quantile)

    def reads(self, *, live: bool) -> tuple[MetricKey, ...]:
        """Name the router's latency, or the servers' while there are only copies."""
        return (Metric.LATENCY,) if live else (Metric.SERVER_LATENCY,)

    def initial(self) -> State:
        """Give the state before any data."""
        return {
            "test": self._test,
            "places": {},
            "evidence": self._allowed.initial(),
            "last": "",
        }

    def absorb(self, state: State, interval: Interval) -> State:
        """Learn the scatter from stable's history, or gather evidence from the candidate."""
        if interval.metric not in METRICS:
            return state
        parts = own(state, self._test, self.initial)
        place = parts["places"].get(str(interval.metric)) or _empty_place()
        scatter = place["scatter"]
        stable, candidate = histogram(interval.stable), histogram(interval.candidate)
        if candidate is not None:
            if scatter is not None:
                dispersion = load(Scatter, scatter).dispersion()
                place = {**place, "scatter": None, "dispersion": dispersion.to_json()}
            phi = Dispersion.from_json(place["dispersion"]).short
            certain, possible = self._slow(candidate)
            parts["evidence"] = self._allowed.grown(parts["evidence"], certain, possible, phi)
            parts["last"] = str(interval.metric)
            place = _counted(place, candidate)
        elif stable is not None and scatter is not None:
            slow = [of_bound.bad for of_bound in self._slow(stable)]
            learned = load(Scatter, scatter).learned(stable.size, slow)
            place = {**place, "scatter": dump(learned)}
        parts["places"] = {**parts["places"], str(interval.metric): place}
        return parts

    def _slow(self, value: Histogram) -> tuple[Counts, Counts]:
        """Count what is certainly, and what is possibly, slower than the limit."""
        bounds = value.bounds[:-1]
        total = value.size
        above = (total, *exceedances(value.counts), 0.0)
        certain = above[min(bisect_left(bounds, self.limit), len(bounds)) + 1]
        possible = above[bisect_right(bounds, self.limit)]
        return Counts(certain, total), Counts(possible, total)

    def read(self, state: State) -> Reading:
        """Say what the evidence is now; the figures are those of the last place."""
        parts = own(state, self._test, self.initial)
        harm, proof = self._allowed.evidence(parts["evidence"])
        if not parts["last"]:
            return Reading(harm, proof, 0.0, 0.0, None, None, "no requests of the candidate yet")
        place = parts["places"][parts["last"]]
        phi = Dispersion.from_json(place["dispersion"]).short
        value = Histogram((*place["bounds"], math.inf), tuple(place["candidate"]))
        certain, possible = self._slow(value)
        allowed = f"limit {percent(1 - self.quantile)}"
        if certain == possible:
            slow = f"{count(certain.bad)} of {count(certain.total, 'request')}"
            sentence = (
                f"{slow} of the candidate ({percent(certain.bad / certain.total)}) "
                f"took longer than {seconds(self.limit)}, {allowed}"
            )
        else:
            slow = f"between {count(certain.bad)} and {count(possible.bad)}"
            sentence = (
                f"{slow} of {count(certain.total, 'request')} of the candidate took longer than "
                f"{seconds(self.limit)}, which is no bucket bound, {allowed}"
            )
        if not place["bounds"]:
            return Reading(harm, proof, 0.0, value.size, None, None, sentence)
        figure = estimate(self.quantile, place["bounds"], place["candidate"], phi)
        sentence += f"; {described('its', self.quantile, place['bounds'], figure)}"
        return Reading(harm, proof, 0.0, value.size, None, figure, sentence)


def _empty_place() -> dict[str, Any]:
    return {
        "scatter": dump(Scatter.empty(2)),
        "dispersion": Dispersion().to_json(),
        "bounds": [],
        "candidate": [],
    }


def _counted(place: dict[str, Any], candidate: Histogram) -> dict[str, Any]:
    bounds = list(candidate.bounds[:-1])
    before = place["candidate"] if place["bounds"] == bounds else []
    before = before or [0.0] * len(candidate.counts)
    counted = [a + x for a, x in zip(before, candidate.counts, strict=True)]
    return {**place, "bounds": bounds, "candidate": counted}
