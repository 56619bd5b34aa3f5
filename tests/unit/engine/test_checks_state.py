"""What all checks have in common: their state, and what they make of missing data."""

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from headrace.api import Analysis, Check, WorseThanStable
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.build import checks_of
from headrace.engine.observations import (
    Categories,
    Counts,
    Halves,
    Histogram,
    Interval,
    Level,
    Metric,
    Sums,
    Value,
)
from tests.unit.engine.examples import (
    BOUNDS,
    BY_NAME,
    CHECKS,
    METRICS,
    NAMES,
    a_value,
    an_interval,
    full,
    intervals,
    metrics_of,
)

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


def through_json(state: State) -> State:
    text = json.dumps(state, allow_nan=False)
    restored = json.loads(text)
    assert isinstance(restored, dict)
    return restored


def through_an_api_server(state: Any) -> Any:
    """Integral numbers lose their point on the way through Kubernetes."""
    if isinstance(state, dict):
        return {key: through_an_api_server(value) for key, value in state.items()}
    if isinstance(state, list):
        return [through_an_api_server(value) for value in state]
    return int(state) if isinstance(state, float) and state.is_integer() else state


@every_check
@given(given_intervals=intervals())
@settings(max_examples=25)
def test_a_restart_at_every_tick_changes_nothing(
    check: SequentialCheck, given_intervals: list[Interval]
) -> None:
    kept = restarted = check.initial()
    for interval in given_intervals:
        kept = check.absorb(kept, interval)
        restarted = check.absorb(through_an_api_server(through_json(restarted)), interval)
        assert restarted == kept
        assert check.read(through_json(restarted)) == check.read(kept)


@every_check
def test_absorbing_leaves_the_given_state_as_it_was(check: SequentialCheck) -> None:
    state = full(check)
    before = json.dumps(state)
    for metric in METRICS:
        check.absorb(state, an_interval(metric, 900.0, 915.0, a_value(metric), a_value(metric)))
    assert json.dumps(state) == before


MISSING: dict[str, Value | None] = {
    "not seen": None,
    "idle": Counts(0.0, 0.0),
    "not a number": Counts(math.nan, math.nan),
    "infinite": Counts(1.0, math.inf),
    "negative": Counts(1.0, -4.0),
    "an idle histogram": Histogram(BOUNDS, (0.0, 0.0, 0.0, 0.0)),
    "a histogram with NaN": Histogram(BOUNDS, (1.0, math.nan, 0.0, 0.0)),
    "a negative bucket": Histogram(BOUNDS, (1.0, -1.0, 4.0, 0.0)),
    "too few buckets": Histogram(BOUNDS, (1.0, 2.0)),
    "bounds that fall": Histogram((0.02, 0.01, math.inf), (1.0, 2.0, 3.0)),
    "no last bucket": Histogram((0.01, 0.02), (1.0, 2.0)),
    "no buckets": Histogram((), ()),
    "no values": Sums(0.0, 0.0),
    "a sum of NaN": Sums(4.0, math.nan, 2.0),
    "infinitely many values": Sums(math.inf, 2.0, 2.0),
    "empty bins": Categories(NAMES, (0.0, 0.0, 0.0, 0.0)),
    "bins with NaN": Categories(NAMES, (1.0, math.nan, 0.0, 0.0)),
    "a negative bin": Categories(NAMES, (1.0, -1.0, 4.0, 0.0)),
    "a bin twice": Categories((NAMES[0], *NAMES[:3]), (1.0, 1.0, 1.0, 1.0)),
    "one bin": Categories(NAMES[:1], (9.0,)),
    "a level that is no number": Level(math.nan),
    "an infinite level": Level(-math.inf),
}
# A candidate that gets no requests although it has a weight is what the split looks for.
IS_DATA = {("split", "idle")}
missing_values = pytest.mark.parametrize(
    ("check", "missing"),
    [
        pytest.param(check, value, id=f"{check.name}, {name}")
        for check in CHECKS
        for name, value in MISSING.items()
        if (check.name, name) not in IS_DATA
    ],
)


def assert_knows_something(check: SequentialCheck, state: State) -> None:
    reading = check.read(state)
    assert reading.candidate_samples > 0
    if check.share > 0:
        assert reading.harm != 0
        assert reading.proof != 0
    else:
        assert reading.verdict is not None


@missing_values
def test_missing_data_change_no_evidence(check: SequentialCheck, missing: Value | None) -> None:
    state = full(check)
    before = check.read(state)
    assert_knows_something(check, state)
    for at, metric in enumerate(METRICS, start=100):
        for arms in ((a_value(metric), missing), (missing, missing)):
            state = check.absorb(state, an_interval(metric, 15.0 * at, 15.0 * at + 15, *arms))
        if check.compares:
            arms = missing, a_value(metric)
            state = check.absorb(state, an_interval(metric, 15.0 * at, 15.0 * at + 15, *arms))
    assert check.read(state) == before


def test_a_candidate_without_requests_is_evidence_of_a_wrong_split() -> None:
    split = BY_NAME["split"]
    state = full(split)
    before = split.read(state).harm
    for at in range(60, 70):
        arms = Counts(0.0, 400.0), Counts(0.0, 0.0)
        state = split.absorb(state, an_interval(Metric.REQUESTS, 15.0 * at, 15.0 * at + 15, *arms))
    reading = split.read(state)
    assert reading.harm > before + 50
    assert reading.verdict is not None
    assert reading.verdict.reason == "RequestSplitMismatch"


@every_check
def test_other_metrics_change_nothing(check: SequentialCheck) -> None:
    state = full(check)
    for metric in set(METRICS) - set(metrics_of(check)):
        interval = an_interval(metric, 900.0, 915.0, a_value(metric), a_value(metric))
        assert check.absorb(state, interval) == state


@every_check
def test_there_is_no_evidence_before_any_data(check: SequentialCheck) -> None:
    for state in (check.initial(), {}, {"test": "another one's"}):
        reading = check.read(state)
        assert (reading.harm, reading.proof, reading.candidate_samples) == (0.0, 0.0, 0.0)
        assert reading.stable is None
        assert reading.candidate is None
        assert reading.sentence.startswith("no ")


@every_check
def test_history_is_no_evidence(check: SequentialCheck) -> None:
    state = check.initial()
    for at, metric in itertools.product(range(20), METRICS):
        start = 300.0 * METRICS.index(metric) + 15.0 * at
        state = check.absorb(state, an_interval(metric, start, start + 15, a_value(metric), None))
    assert check.read(state).harm == check.read(state).proof == 0.0
    assert check.read(state).candidate_samples == 0.0


@every_check
def test_the_state_is_small_and_stays_so(check: SequentialCheck) -> None:
    state = full(check)
    for at in range(100, 160):
        for metric in check.reads(live=True) or check.reads(live=False):
            interval = an_interval(
                metric, 15.0 * at, 15.0 * at + 15, a_value(metric), a_value(metric)
            )
            state = check.absorb(state, interval)
    assert len(json.dumps(state)) < 3000


def test_a_state_of_other_limits_is_not_used() -> None:
    errors = BY_NAME["errors"]
    changed = Check(
        name="errors", metric="error-rate", worse_than_stable=WorseThanStable(ratio=1.2)
    )
    (other,) = checks_of(Analysis(checks=[changed]))
    state = full(errors)
    assert other.read(state).candidate_samples == 0
    again = other.absorb(state, Interval(Metric.REQUESTS, 0, 15, None, None))
    assert again["test"] != state["test"]


def test_more_failures_than_requests_are_clamped() -> None:
    slo = BY_NAME["slo"]
    block = Interval(Metric.REQUESTS, 0.0, 15.0, None, Counts(12.0, 10.0))
    all_failed = Interval(Metric.REQUESTS, 0.0, 15.0, None, Counts(10.0, 10.0))
    assert slo.absorb(slo.initial(), block) == slo.absorb(slo.initial(), all_failed)


def test_stables_requests_are_not_used_twice() -> None:
    """Copies and live requests of one time share stable's counts."""
    errors = BY_NAME["errors"]
    arms = Counts(3.0, 100.0), Counts(9.0, 100.0)
    state = errors.absorb(errors.initial(), Interval(Metric.MIRRORED, 0.0, 15.0, *arms))
    once = errors.read(state)
    state = errors.absorb(state, Interval(Metric.REQUESTS, 5.0, 20.0, *arms))
    assert errors.read(state) == once
    state = errors.absorb(state, Interval(Metric.REQUESTS, 20.0, 35.0, *arms))
    assert errors.read(state).harm > once.harm


def history_of_halves(rate: float, other: float, scrapes: int = 200) -> list[Interval]:
    """Stable's servers fail at two rates, to which chance adds nothing."""
    made = []
    for at in range(-scrapes, 0):
        times = 15.0 * at, 15.0 * at + 15
        first, second = Counts(rate * 1000, 1000.0), Counts(other * 1000, 1000.0)
        together = Counts(first.bad + second.bad, 2000.0)
        made.append(Interval(Metric.SERVED, *times, Halves(first, second), None))
        made.append(Interval(Metric.REQUESTS, *times, together, None))
    return made


def evidence_after(history: list[Interval]) -> float:
    errors = BY_NAME["errors"]
    state = errors.initial()
    for interval in history:
        state = errors.absorb(through_json(state), interval)
    for at in range(20):
        arms = Counts(10.0, 1000.0), Counts(30.0, 1000.0)
        state = errors.absorb(state, Interval(Metric.REQUESTS, 15.0 * at, 15.0 * at + 15, *arms))
    return errors.read(state).harm


def test_servers_of_stable_that_differ_make_a_difference_weaker_evidence() -> None:
    alike, unlike = history_of_halves(0.01, 0.01), history_of_halves(0.005, 0.015)
    over_time = [one for one in alike if one.metric == Metric.REQUESTS]
    assert evidence_after(alike) == evidence_after(over_time)
    assert 0 < evidence_after(unlike) < evidence_after(alike) / 3


def test_halves_that_are_missing_or_late_change_nothing() -> None:
    errors, history = BY_NAME["errors"], history_of_halves(0.005, 0.015)
    nan = Halves(Counts(math.nan, math.nan), Counts(1.0, 1000.0))
    idle = Halves(Counts(0.0, 0.0), Counts(1.0, 1000.0))
    state = errors.initial()
    for interval in history:
        state = errors.absorb(state, interval)
    for halves in (None, nan, idle):
        assert errors.absorb(state, Interval(Metric.SERVED, 0.0, 15.0, halves, None)) == state
    arms = Counts(10.0, 1000.0), Counts(10.0, 1000.0)
    state = errors.absorb(state, Interval(Metric.REQUESTS, 0.0, 15.0, *arms))
    assert errors.absorb(state, replace(history[0], start=15.0, end=30.0)) == state


def test_the_first_copies_are_judged_though_stable_was_seen_live_at_the_same_time() -> None:
    errors = BY_NAME["errors"]
    state = errors.initial()
    for at in range(4):
        times = 15.0 * at, 15.0 * at + 15
        stable = Counts(3.0, 100.0)
        state = errors.absorb(state, Interval(Metric.REQUESTS, *times, stable, None))
        if at > 0:
            interval = Interval(Metric.MIRRORED, *times, stable, Counts(3.0, 100.0))
            state = errors.absorb(state, interval)
    assert errors.read(state).candidate_samples == 200


def test_the_guess_of_a_block_does_not_know_the_block() -> None:
    """Its own counts of stable may only be learned after it was judged."""
    latency = BY_NAME["latency"]
    metric = Metric.LATENCY
    first = latency.initial()
    for at in range(20):
        first = latency.absorb(first, Interval(metric, at, at + 1, a_value(metric), None))
    slow = Histogram(BOUNDS, (0.0, 0.0, 0.0, 500.0))
    judged = latency.absorb(first, Interval(metric, 20.0, 21.0, slow, a_value(metric)))
    places: Any = judged["places"]
    assert places["latency"]["reference"]["basis"][3] < 200 < 500
    assert places["latency"]["reference"]["learned"][3] > 500


@pytest.mark.parametrize("history", [0, 1], ids=["no history", "one scrape of history"])
def test_without_history_latency_learns_first(history: int) -> None:
    latency, metric = BY_NAME["latency"], Metric.LATENCY
    state = latency.initial()
    for at in range(history):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric, 30), None))
    arms = a_value(metric, 80), a_value(metric, 20)
    readings = []
    for at in range(10, 14):
        state = latency.absorb(state, Interval(metric, at, at + 1, *arms))
        readings.append(latency.read(state).candidate_samples)
    assert readings == ([0, 0, 20, 40] if history == 0 else [0, 20, 40, 60])


def test_arms_with_different_buckets_are_compared_where_they_agree() -> None:
    latency, metric = BY_NAME["latency"], Metric.LATENCY
    state = latency.initial()
    for at in range(20):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), None))
    candidate = Histogram((0.005, 0.01, 0.05, 1.0, math.inf), (20.0, 30.0, 45.0, 5.0, 0.0))
    for at in range(20, 22):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), candidate))
    places: Any = state["places"]
    assert places["latency"]["reference"]["bounds"] == [0.01, 0.05]
    assert places["latency"]["candidate"] == [100.0, 90.0, 10.0]
    assert latency.read(state).harm != 0
    fewer = Histogram((0.05, math.inf), (50.0, 50.0))
    before = latency.read(state)
    for at in range(22, 25):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), fewer))
        assert latency.read(state) == before


def test_buckets_that_stay_changed_are_used_from_then_on() -> None:
    latency, metric = CHECKS[2], Metric.LATENCY
    state = full(latency)
    before = latency.read(state)
    coarse = Histogram((0.025, math.inf), (80.0, 20.0))
    for at in range(900, 904):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), coarse))
    after = latency.read(state)
    assert (after.harm, after.proof) == (before.harm, before.proof)
    for at in range(904, 906):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), coarse))
    assert latency.read(state).candidate_samples == 200
    assert latency.read(state).harm != before.harm


def test_buckets_of_which_none_is_left_are_learned_anew() -> None:
    latency, metric = CHECKS[2], Metric.LATENCY
    state = full(latency)
    other = Histogram((0.02, 0.04, math.inf), (60.0, 25.0, 15.0))
    for at in range(900, 906):
        state = latency.absorb(state, Interval(metric, at, at + 1, other, other))
    assert latency.read(state).candidate_samples == 100


def test_arms_without_a_common_bucket_give_no_evidence() -> None:
    latency, metric = BY_NAME["latency"], Metric.LATENCY
    strange = Histogram((0.5, math.inf), (10.0, 90.0))
    state = latency.initial()
    for at in range(30):
        state = latency.absorb(state, Interval(metric, at, at + 1, a_value(metric), strange))
    reading = latency.read(state)
    assert (reading.harm, reading.proof) == (0.0, 0.0)
