"""The latency check where its two places of measurement differ."""

from __future__ import annotations

import math

from headrace.engine.checks.latency import LatencyAgainstStable
from headrace.engine.observations import Histogram, Interval, Metric


def test_a_proof_goes_on_from_a_place_with_a_margin_to_one_without() -> None:
    # The limit is chosen from stable's histogram, so it may have a margin in one place of
    # measurement and none in the other; once, the proof then had alternatives of two lengths.
    bounds = (0.1, 0.2, 0.4, math.inf)
    check = LatencyAgainstStable("latency", True, 1.5, 1.0, 0.0, 0.95, 0.5)
    state = check.initial()
    for start, metric, tail in ((0.0, Metric.SERVER_LATENCY, 60.0), (60.0, Metric.LATENCY, 45.0)):
        history = Histogram(bounds, (0.0, 0.0, 100.0 - tail, tail))
        one = Histogram(bounds, (0.0, 0.0, 0.0, 1.0))
        state = check.absorb(state, Interval(metric, start, start + 15, history, None))
        state = check.absorb(state, Interval(metric, start + 15, start + 30, one, one))
    assert math.isfinite(check.read(state).proof)
