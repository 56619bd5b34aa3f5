"""One example of every check: what all checks have in common is tested on these."""

from __future__ import annotations

import itertools
import math
from typing import Any

from hypothesis import strategies as st

from headrace.api import Analysis, Check
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.build import checks_of
from headrace.engine.observations import (
    Arm,
    Categories,
    Counts,
    Histogram,
    Interval,
    Level,
    Metric,
    MetricKey,
    Sums,
    Value,
)

WORSE = {"ratio": 1.5}
SPECS: tuple[dict[str, Any], ...] = (
    {"name": "errors", "metric": "error-rate", "worseThanStable": WORSE},
    {"name": "slo", "metric": "error-rate", "above": 0.02, "required": False},
    {"name": "latency", "metric": "latency", "worseThanStable": WORSE},
    {"name": "fast", "metric": "latency", "above": {"limit": "25ms"}},
    {"name": "agreement", "metric": "shadow-agreement", "below": 0.97},
    {"name": "split", "metric": "request-split"},
    {"name": "reward", "metric": "reward", "worseThanStable": {"ratio": 1.1}},
    {"name": "earning", "metric": "reward", "below": 0.2},
    {"name": "trained", "metric": "prediction-drift", "above": {"psi": 0.2}},
    {"name": "moved", "metric": "prediction-drift", "above": {"moved": 0.05}},
    {
        "name": "distance",
        "metric": "feature-drift",
        "feature": "distance",
        "above": {"moved": 0.05},
    },
    {
        "name": "orders",
        "kind": "Counts",
        "bad": 'orders_failed_total{shop="eu"}',
        "total": 'orders_total{shop="eu"}',
        "worseThanStable": {"ratio": 1.2},
    },
    {"name": "refunds", "kind": "Counts", "bad": "refunds", "total": "orders", "above": 0.1},
    {
        "name": "basket",
        "kind": "Mean",
        "sum": "basket_sum",
        "count": "basket_count",
        "squares": "basket_squares_total",
        "worseThanStable": {"ratio": 1.1},
    },
    {"name": "tokens", "kind": "Mean", "sum": "a_sum", "count": "a_count", "above": 700.0},
    {"name": "pages", "kind": "Histogram", "buckets": "pages_bucket", "worseThanStable": WORSE},
    {"name": "memory", "kind": "Value", "query": "max(memory_bytes)", "above": 2e9},
)
CHECKS = checks_of(Analysis(checks=[Check.model_validate(spec) for spec in SPECS]))
BY_NAME = {check.name: check for check in CHECKS}

BOUNDS = (0.01, 0.025, 0.05, math.inf)
NAMES = ("up to 0.2", "0.2 to 0.5", "0.5 to inf", "missing")
TRAINING = Categories(NAMES, (3000.0, 4000.0, 2900.0, 100.0))
HISTOGRAMS = (Metric.LATENCY, Metric.SERVER_LATENCY, "check:pages")
SUMS = (Metric.REWARD, "check:basket", "check:tokens")
BINS = (Metric.PREDICTION, "feature:distance")
LEVELS = ("check:memory",)


def metrics_of(check: SequentialCheck) -> tuple[MetricKey, ...]:
    """Name what a check reads at any time."""
    return tuple(dict.fromkeys(check.reads(live=True) + check.reads(live=False)))


METRICS: tuple[MetricKey, ...] = tuple(
    dict.fromkeys(metric for check in CHECKS for metric in metrics_of(check))
)
"""Every metric of these checks, in a steady order."""


def a_value(metric: MetricKey, size: float = 100.0, arm: Arm = Arm.STABLE) -> Value:
    """Give what an arm might have done; the candidate's predictions are other ones."""
    if metric in HISTOGRAMS:
        return Histogram(BOUNDS, (0.5 * size, 0.3 * size, 0.15 * size, 0.05 * size))
    if metric in SUMS:
        # The mean moves a little with the size, so that the scatter between scrapes is not zero.
        mean = 0.3 + size % 7 / 50
        return Sums(size, mean * size, 0.4 * size if metric == "check:basket" else None)
    if metric in BINS:
        shares = (0.3, 0.4, 0.29, 0.01) if arm is Arm.STABLE else (0.1, 0.2, 0.6, 0.1)
        return Categories(NAMES, tuple(share * size for share in shares))
    if metric in LEVELS:
        return Level(1e7 * size)
    return Counts(0.03 * size, size)


def values(metric: MetricKey) -> st.SearchStrategy[Value | None]:
    """Draw anything that an arm can do, and nothing at all."""
    count = st.integers(0, 60).map(float)
    four = st.tuples(count, count, count, count)
    two = st.tuples(count, count)
    if metric in HISTOGRAMS:
        return st.none() | four.map(lambda x: Histogram(BOUNDS, x))
    if metric in SUMS:
        squares = 1.5 if metric == "check:basket" else None
        return st.none() | two.map(
            lambda x: Sums(x[0] + x[1], 0.7 * x[0], squares and squares * x[0])
        )
    if metric in BINS:
        return st.none() | four.map(lambda x: Categories(NAMES, x))
    if metric in LEVELS:
        return st.none() | count.map(Level)
    return st.none() | two.map(lambda x: Counts(x[0], x[0] + x[1]))


def an_interval(
    metric: MetricKey, start: float, end: float, stable: Value | None, candidate: Value | None
) -> Interval:
    """Give an interval as the engine sees it: with the split and the training data."""
    return Interval(
        metric,
        start,
        end,
        stable,
        candidate,
        reference=TRAINING if metric in BINS else None,
        share=0.25 if metric == Metric.REQUESTS and candidate is not None else None,
    )


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    """A history, and a rollout in which arms come and go, mirrored and live."""
    made = []
    for at in range(draw(st.integers(0, 12))):
        metric = draw(st.sampled_from([m for m in METRICS if m != Metric.AGREEMENT]))
        made.append(an_interval(metric, 15.0 * at, 15.0 * at + 15, draw(values(metric)), None))
    for at in range(12, 12 + draw(st.integers(0, 6))):
        for metric in draw(st.lists(st.sampled_from(METRICS), max_size=3)):
            arms = draw(values(metric)), draw(values(metric))
            made.append(an_interval(metric, 15.0 * at, 15.0 * at + 15, *arms))
    return made


def full(check: SequentialCheck) -> State:
    """Give the state in the middle of a rollout."""
    state = check.initial()
    for metric in METRICS:
        for at in range(-30, 0):
            value = a_value(metric, 200 + at)
            state = check.absorb(state, an_interval(metric, 15.0 * at, 15.0 * at + 15, value, None))
    for at, metric in itertools.product(range(4), METRICS):
        start = 15.0 * (4 * METRICS.index(metric) + at)
        arms = a_value(metric), a_value(metric, 40, Arm.CANDIDATE)
        state = check.absorb(state, an_interval(metric, start, start + 15, *arms))
    return state
