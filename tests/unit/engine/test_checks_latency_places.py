"""The latency check where its two places of measurement differ."""

from __future__ import annotations

import json
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


BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, math.inf)
COLD = (0.0,) * 8 + (60.0, 60.0, 0.0, 0.0)
LUKEWARM = (60.0, 20.0, 10.0, 4.0, 4.0, 2.0) + (0.0,) * 6
WARM = (30.0, 15.0, 13.0, 2.0) + (0.0,) * 8
SLOWER = (0.0, 0.0, 0.0, 0.0, 20.0, 30.0, 10.0) + (0.0,) * 5


def proof_after_a_cold_start(
    candidate: tuple[float, ...], blocks: int = 60, cold: tuple[float, ...] = COLD
) -> float:
    check = LatencyAgainstStable("latency", True, 2.0, 1.25, 0.01, 0.95, 0.5)
    state = check.initial()
    for number in range(blocks):
        first = Histogram(BOUNDS, cold if number == 0 else WARM)
        second = Histogram(BOUNDS, candidate)
        interval = Interval(Metric.LATENCY, 15.0 * number, 15.0 * number + 15, first, second)
        state = json.loads(json.dumps(check.absorb(state, interval)))
    return check.read(state).proof


def test_a_cold_start_does_not_make_the_proof_impossible() -> None:
    assert proof_after_a_cold_start(WARM) > math.log(20)


def test_a_limit_that_is_a_multiple_of_what_no_longer_happens_is_chosen_again() -> None:
    # Of the first requests some were slow, so that the limit was a multiple of their share;
    # then none is, and a multiple of none is none.
    assert proof_after_a_cold_start(WARM, 60, LUKEWARM) > math.log(20)
    assert proof_after_a_cold_start(SLOWER, 60, LUKEWARM) < 0


def test_after_a_cold_start_a_slower_candidate_is_not_proved() -> None:
    assert proof_after_a_cold_start(SLOWER) < 0
