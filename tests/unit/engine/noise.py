"""Traffic of any kind that is drawn once and can be read again: for every check of the catalogue.

What an arm did in a slot of one interval depends on the seed, the metric, the version and the slot
only, and on the weight that the router carried then. So reading is repeatable, as it is with
Prometheus, however it is cut by outages and restarts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from headrace.api import Traffic
from headrace.engine.observations import (
    Categories,
    Counts,
    Histogram,
    Interval,
    Level,
    Metric,
    MetricKey,
    Problem,
    Sums,
    Value,
)
from headrace.metrics.source import Measured, Request
from headrace.testing import FakePlatform

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, math.inf)
BINS = ("up to 0.2", "0.2 to 0.5", "0.5 to inf", "missing")
SHARES = (0.3, 0.4, 0.28, 0.02)
BINNED = (Metric.PREDICTION, "feature:distance")
TRAINING = Categories(BINS, tuple(5000.0 * share for share in SHARES))


@dataclass
class Model:
    """What a version is like.

    Attributes:
        errors: Share of requests that fail, and of the user's counted events that are bad.
        slow: Factor on all times.
        reward: Mean reward, also of the user's means.
        moved: Share of the values that lie in the last bin instead.
        level: Of the user's gauges.
    """

    errors: float = 0.01
    slow: float = 1.0
    reward: float = 0.3
    moved: float = 0.0
    level: float = 1e9


@dataclass
class NoisyMetrics:
    """Counters of random traffic.

    Attributes:
        platform: Whose traffic decides the exposures.
        seed: Of all draws.
        requests: A second, of all arms together.
        models: By version; others are as usual.
        problem: While set, nothing can be read and this is why.
        calls: How often it was asked.
    """

    platform: FakePlatform
    seed: int = 0
    requests: float = 40.0
    models: dict[str, Model] = field(default_factory=dict)
    problem: str = ""
    calls: int = 0
    carried: dict[int, dict[str, float]] = field(default_factory=dict)
    copied: dict[int, float] = field(default_factory=dict)

    def carry(self, now: float, interval: float) -> None:
        """Note what the router carries in the slot that ends now."""
        traffic, slot = self.platform.traffic or Traffic(), round(now / interval)
        plan = self.platform.plans[-1] if self.platform.plans else None
        shares = {} if plan is None else {m.version: w / 100 for m, w in plan.shares}
        if plan is not None and plan.traffic != traffic:
            shares = {}
            for model, weight in (
                (plan.stable, traffic.stable),
                (plan.candidate, traffic.candidate),
            ):
                if model is not None and weight:
                    shares[model.version] = weight / 100
        self.carried[slot] = shares
        self.copied[slot] = traffic.mirror / 100

    def time(self, now: float) -> float:
        return now

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new."""
        self.calls += 1
        return {request.rollout: self._measure(request, now) for request in requests}

    def _measure(self, request: Request, now: float) -> Measured:
        if self.problem:
            problems = [Problem(m, "PrometheusUnavailable", self.problem) for m in request.since]
            return Measured(problems=tuple(problems))
        width = request.interval
        made: list[Interval] = []
        until = {}
        for metric, since in request.since.items():
            first, last = math.ceil(since / width - 1e-6), math.floor(now / width + 1e-6)
            whose = ("", *request.candidates[1:])
            if metric == "check:memory":
                for name, version in zip(whose, request.candidates, strict=True):
                    level = Level(self.models.get(version, Model()).level)
                    made.append(Interval(metric, since, now, None, level, name))
                until[metric] = now
                continue
            for slot in range(first + 1, last + 1):
                start, end = (slot - 1) * width, slot * width
                stable = self._value(metric, request.stable, slot, width, copy=False)
                copy = metric in (Metric.MIRRORED, Metric.SERVER_LATENCY, Metric.AGREEMENT)
                reference = TRAINING if metric in BINNED else None
                for name, version in zip(whose, request.candidates, strict=True):
                    value = self._value(metric, version, slot, width, copy=copy)
                    made.append(Interval(metric, start, end, stable, value, name, reference))
            until[metric] = max(since, last * width)
        return Measured(tuple(made), until)

    def _value(
        self, metric: MetricKey, version: str, slot: int, width: float, *, copy: bool
    ) -> Value | None:
        carried = self.carried.get(slot, {"1": 1.0})
        share, binned = carried.get(version, 0.0), metric in BINNED
        if copy or (binned and not share):
            # Servers count what they answer, whoever asked.
            live = share if metric == Metric.SERVER_LATENCY else 0.0
            share = live + self.copied.get(slot, 0.0)
        if not share:
            return None
        model = self.models.get(version, Model())
        key = crc32(f"{self.seed} {metric} {version} {slot}".encode())
        dice = np.random.default_rng(key)
        n = int(dice.poisson(self.requests * width * share))
        text = str(metric)
        if metric == Metric.AGREEMENT:
            return Counts(float(dice.binomial(n, model.errors)), float(n))
        if metric in (Metric.REQUESTS, Metric.MIRRORED) or text in (
            "check:orders",
            "check:refunds",
        ):
            return Counts(float(dice.binomial(n, model.errors)), float(n))
        if metric in (Metric.LATENCY, Metric.SERVER_LATENCY) or text == "check:pages":
            place = 0.6 if metric == Metric.SERVER_LATENCY else 1.0
            times = place * model.slow * dice.lognormal(math.log(0.02), 0.6, n)
            counts = np.histogram(times, bins=(0.0, *BOUNDS))[0]
            return Histogram(BOUNDS, tuple(map(float, counts)))
        if binned:
            moved = np.array(SHARES) * (1 - model.moved)
            moved[-1] += model.moved
            return Categories(BINS, tuple(map(float, dice.multinomial(n, moved))))
        if metric == Metric.REWARD:
            return Sums(float(n), float(dice.binomial(n, model.reward)))
        values = dice.gamma(4.0, model.reward / 4.0, n)
        return Sums(float(n), float(values.sum()), float((values**2).sum()))
