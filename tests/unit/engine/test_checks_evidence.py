"""The checks' evidence: exactly valid, rarely wrong in long runs, and quick to see harm."""

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import Analysis, Check, LatencyLimit, WorseThanStable
from headrace.engine.checks.base import SequentialCheck, State
from headrace.engine.checks.build import checks_of
from headrace.engine.observations import Counts, Histogram, Interval, Metric, MetricKey, Value
from headrace.engine.verdicts import Reading

BOUNDS = (0.01, 0.025, math.inf)


def check(
    metric: str,
    *,
    worse: WorseThanStable | None = None,
    above: float | LatencyLimit | None = None,
    below: float | None = None,
) -> SequentialCheck:
    spec = {"worse_than_stable": worse, "above": above, "below": below}
    made = Check.model_validate({"name": "it", "metric": metric, **spec})
    return checks_of(Analysis(checks=[made]))[0]


def after(
    tested: SequentialCheck,
    metric: MetricKey,
    history: Sequence[Value],
    blocks: Sequence[tuple[Value | None, Value | None]] = (),
    state: State | None = None,
) -> State:
    """The state after a history of stable, and blocks of (stable, candidate)."""
    state = tested.initial() if state is None else state
    times = itertools.count()
    for value in history:
        at = 15.0 * (next(times) - len(history))
        state = tested.absorb(state, Interval(metric, at, at + 15, value, None))
    for at, (stable, candidate) in enumerate(blocks):
        state = tested.absorb(state, Interval(metric, 15.0 * at, 15.0 * at + 15, stable, candidate))
    return state


def counted(n: int, p: float) -> Iterator[tuple[Value, float]]:
    for x in range(n + 1):
        yield Counts(float(x), float(n)), math.comb(n, x) * p**x * (1 - p) ** (n - x)


def bucketed(n: int, probabilities: Sequence[float]) -> Iterator[tuple[Value, float]]:
    for x in itertools.product(range(n + 1), repeat=len(probabilities)):
        if sum(x) == n:
            chance = float(math.factorial(n))
            for count, p in zip(x, probabilities, strict=True):
                chance *= p**count / math.factorial(count)
            yield Histogram(BOUNDS, tuple(map(float, x))), chance


def mean_evidence(
    tested: SequentialCheck,
    metric: MetricKey,
    history: Sequence[Value],
    arms: Sequence[tuple[Sequence[tuple[Value, float]], Sequence[tuple[Value, float]]]],
    evidence: Callable[[Reading], float],
) -> list[float]:
    """The mean of the evidence after each block, over every outcome of the blocks."""
    states = [(after(tested, metric, history), 1.0)]
    found = []
    for at, (of_stable, of_candidate) in enumerate(arms):
        states = [
            (
                tested.absorb(
                    state, Interval(metric, 15.0 * at, 15.0 * at + 15, stable, candidate)
                ),
                chance * of_s * of_c,
            )
            for state, chance in states
            for stable, of_s in of_stable
            for candidate, of_c in of_candidate
            if chance * of_s * of_c > 0
        ]
        found.append(sum(p * math.exp(evidence(tested.read(state))) for state, p in states))
    return found


def harm(reading: Reading) -> float:
    return reading.harm


def proof(reading: Reading) -> float:
    return reading.proof


HISTORIES = {
    "no history": [],
    "a history without failures": [Counts(0.0, 500.0)] * 9,
    "a history of many failures": [Counts(150.0, 500.0)] * 9,
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
@pytest.mark.parametrize("tolerance", [1.0, 1.4], ids="tolerance {}".format)
@pytest.mark.parametrize("bases", [(0.01, 0.9), (0.3, 0.3), (0.0, 0.5)], ids=str)
def test_harm_of_errors_has_a_mean_of_at_most_one_if_all_is_tolerated(
    history: Sequence[Value], tolerance: float, bases: Sequence[float]
) -> None:
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5, tolerance=tolerance))
    for part in (1.0, 0.5):
        arms = [
            (list(counted(3, p)), list(counted(2, part * min(tolerance * p, 1.0)))) for p in bases
        ]
        found = mean_evidence(tested, Metric.REQUESTS, history, arms, harm)
        assert max(found) <= 1 + 1e-9


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
@pytest.mark.parametrize("margin", [0.0, 0.005, 0.2], ids="margin {}".format)
@pytest.mark.parametrize("bases", [(0.0, 0.1), (0.3, 0.3)], ids=str)
def test_proof_for_errors_has_a_mean_of_at_most_one_beyond_the_limit(
    history: Sequence[Value], margin: float, bases: Sequence[float]
) -> None:
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5, margin=margin))
    for beyond in (0.0, 0.3):
        arms = [
            (list(counted(3, p)), list(counted(2, min(1.5 * p + margin + beyond, 1.0))))
            for p in bases
        ]
        assert max(mean_evidence(tested, Metric.REQUESTS, history, arms, proof)) <= 1 + 1e-9


@pytest.mark.parametrize("limit", [0.02, 0.4], ids="limit {}".format)
def test_evidence_about_an_absolute_limit_has_a_mean_of_at_most_one(limit: float) -> None:
    nobody = [(Counts(0.0, 0.0), 1.0)]
    for metric, tested in (
        (Metric.REQUESTS, check("error-rate", above=limit)),
        (Metric.AGREEMENT, check("shadow-agreement", below=1 - limit)),
    ):
        for share in (limit, 0.3 * limit):
            arms = [(nobody, list(counted(4, share)))] * 2
            assert max(mean_evidence(tested, metric, [], arms, harm)) <= 1 + 1e-9
        for share in (limit, limit + 0.3):
            arms = [(nobody, list(counted(4, share)))] * 2
            assert max(mean_evidence(tested, metric, [], arms, proof)) <= 1 + 1e-9


HISTOGRAM = Histogram(BOUNDS, (400.0, 80.0, 20.0))


@pytest.mark.parametrize(
    ("stable", "candidate"),
    [
        ((0.80, 0.16, 0.04), (0.80, 0.16, 0.04)),
        ((0.80, 0.16, 0.04), (0.90, 0.10, 0.00)),
        ((0.10, 0.20, 0.70), (0.10, 0.20, 0.70)),
        ((0.00, 0.50, 0.50), (0.50, 0.00, 0.50)),
    ],
    ids=["as learned", "faster than learned", "a shared slowdown", "partly faster"],
)
def test_harm_of_latency_has_a_mean_of_at_most_one_for_no_slower_candidates(
    stable: Sequence[float], candidate: Sequence[float]
) -> None:
    tested = check("latency", worse=WorseThanStable(ratio=1.5))
    arms = [(list(bucketed(n, stable)), list(bucketed(2, candidate))) for n in (2, 1)]
    found = mean_evidence(tested, Metric.LATENCY, [HISTOGRAM] * 9, arms, harm)
    assert max(found) <= 1 + 1e-9
    assert found[0] > 0.5


def test_proof_for_latency_has_a_mean_of_at_most_one_beyond_its_limit() -> None:
    tested = check("latency", worse=WorseThanStable(ratio=1.5))
    state = after(tested, Metric.LATENCY, [HISTOGRAM] * 9, [(HISTOGRAM, HISTOGRAM)])
    places: Any = state["places"]
    reference = places["latency"]["reference"]
    above, ratio, margin = reference["slow"] + 1, reference["ratio"], reference["margin"]
    for stable in ((0.80, 0.16, 0.04), (0.97, 0.02, 0.01)):
        edge = ratio * sum(stable[above:]) + margin
        candidate = [1 - edge, 0.0, 0.0]
        candidate[above] = edge
        arms = [(list(bucketed(n, stable)), list(bucketed(2, candidate))) for n in (2, 1)]
        found = mean_evidence(tested, Metric.LATENCY, [HISTOGRAM] * 9, arms, proof)
        assert max(found) <= 1 + 1e-9


@given(
    n=st.integers(1, 400),
    x=st.integers(0, 400),
    y=st.integers(0, 400),
    base=st.sampled_from([0.0, 0.01, 0.3]),
)
def test_swapping_the_arms_mirrors_the_verdict(n: int, x: int, y: int, base: float) -> None:
    """Of two arms with as many requests, the one that failed less is never called worse."""
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    history = [Counts(500.0 * base, 500.0)] * 9
    few, many = (Counts(float(min(z, n)), float(n)) for z in sorted((x, y)))
    there, here = (
        tested.read(after(tested, Metric.REQUESTS, history, [arms])).harm
        for arms in ((many, few), (few, many))
    )
    assert there <= 1e-12
    assert here >= there - 1e-12
    if few == many:
        assert here == there


def false_alarms(copies: int, runs: int) -> int:
    """Healthy rollouts whose evidence of harm reached 10 to one; a right test allows a tenth."""
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    alarms = 0
    for seed in range(runs):
        chance = random.Random(seed)
        state = tested.initial()
        for block in range(25):
            drawn = [sum(chance.random() < 0.1 for _ in range(40)) for _ in range(2)]
            stable, candidate = (Counts(float(x), 40.0) for x in drawn)
            for copy in range(copies):
                at = float(block * copies + copy)
                interval = Interval(Metric.REQUESTS, at, at + 1, stable, candidate)
                state = tested.absorb(state, interval)
            if tested.read(state).harm >= math.log(10):
                alarms += 1
                break
    return alarms


def test_healthy_candidates_are_rarely_called_worse() -> None:
    assert false_alarms(copies=1, runs=100) <= 0.1 * 100


def test_increments_used_four_times_would_be_noticed() -> None:
    """The bound above can fail: with the same counts again and again it does."""
    assert false_alarms(copies=4, runs=40) > 0.1 * 40


def test_a_doubling_is_found_and_a_healthy_candidate_proved() -> None:
    chance = random.Random(5)
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    for p, evidence in ((0.04, harm), (0.02, proof)):
        state = after(tested, Metric.REQUESTS, [Counts(10.0, 500.0)] * 20)
        for at in range(60):
            stable = Counts(float(sum(chance.random() < 0.02 for _ in range(400))), 400.0)
            candidate = Counts(float(sum(chance.random() < p for _ in range(100))), 100.0)
            interval = Interval(Metric.REQUESTS, 15.0 * at, 15.0 * at + 15, stable, candidate)
            state = tested.absorb(state, interval)
        assert evidence(tested.read(state)) > math.log(100)


def test_services_that_never_fail_are_proved_and_one_failure_is_no_harm() -> None:
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    blocks = [(Counts(0.0, 540.0), Counts(0.0, 60.0))] * 15
    state = after(tested, Metric.REQUESTS, [Counts(0.0, 600.0)] * 240, blocks)
    assert tested.read(state).proof > math.log(20)
    blocks[5] = (Counts(0.0, 540.0), Counts(1.0, 60.0))
    state = after(tested, Metric.REQUESTS, [Counts(0.0, 600.0)] * 240, blocks)
    assert tested.read(state).harm < math.log(10)


def test_a_candidate_that_always_fails_is_found_at_once() -> None:
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    blocks = [(Counts(0.0, 570.0), Counts(30.0, 30.0))]
    state = after(tested, Metric.REQUESTS, [Counts(0.0, 600.0)] * 20, blocks)
    assert tested.read(state).harm > math.log(1000)


def test_an_outage_of_both_arms_is_not_the_candidates_fault() -> None:
    tested = check("error-rate", worse=WorseThanStable(ratio=1.5))
    outage = [(Counts(270.0, 540.0), Counts(30.0, 60.0))] * 8
    state = after(tested, Metric.REQUESTS, [Counts(6.0, 600.0)] * 240, outage)
    assert tested.read(state).harm < 0


WORSE = WorseThanStable(ratio=1.5)
CALM, BURST = Counts(6.0, 600.0), Counts(24.0, 600.0)
FAST, HICCUP = Histogram(BOUNDS, (450.0, 120.0, 30.0)), Histogram(BOUNDS, (150.0, 150.0, 300.0))


@pytest.mark.parametrize(
    ("tested", "usual", "burst", "worse"),
    [
        (check("error-rate", worse=WORSE), CALM, BURST, Counts(12.0, 300.0)),
        (check("error-rate", above=0.02), CALM, BURST, Counts(20.0, 300.0)),
        (check("latency", worse=WORSE), FAST, HICCUP, Histogram(BOUNDS, (150.0, 100.0, 50.0))),
        (
            check("latency", above=LatencyLimit(quantile=0.95, limit=0.025)),
            FAST,
            HICCUP,
            Histogram(BOUNDS, (150.0, 100.0, 50.0)),
        ),
    ],
    ids=["errors", "errors and a limit", "latency", "latency and a limit"],
)
def test_bursts_in_the_history_make_a_check_careful(
    tested: SequentialCheck, usual: Value, burst: Value, worse: Value
) -> None:
    (metric,) = tested.reads(live=True)
    bursts = [burst if at % 4 == 0 else usual for at in range(60)]
    harms = [
        tested.read(after(tested, metric, history, [(usual, worse)] * 3)).harm
        for history in ([usual] * 60, bursts)
    ]
    assert harms[0] > 3 * harms[1] > 0


def test_a_stalled_candidate_is_slower_though_all_else_is_fine() -> None:
    tested = check("latency", worse=WorseThanStable(ratio=1.2))
    stable = Histogram(BOUNDS, (450.0, 90.0, 0.0))
    blocks = [(stable, Histogram(BOUNDS, (40.0, 8.0, 12.0)))] * 2
    state = after(tested, Metric.LATENCY, [stable] * 20, blocks)
    assert tested.read(state).harm > math.log(100)


@pytest.mark.parametrize(
    "counts",
    [(540.0, 0.0, 0.0), (0.0, 540.0, 0.0), (500.0, 39.0, 1.0)],
    ids=["all in the first bucket", "all in one bucket", "in two buckets"],
)
def test_equal_latencies_are_proved_however_coarse_the_buckets(counts: tuple[float, ...]) -> None:
    tested = check("latency", worse=WorseThanStable(ratio=1.2))
    stable = Histogram(BOUNDS, counts)
    candidate = Histogram(BOUNDS, tuple(count / 2 for count in counts))
    state = after(tested, Metric.LATENCY, [stable] * 20, [(stable, candidate)] * 80)
    assert tested.read(state).proof > math.log(20)
    assert tested.read(state).harm <= 0


@pytest.mark.parametrize("fast", [0.0005, 0.002], ids="{} s".format)
def test_a_slowdown_within_a_wide_margin_is_proved_to_be_one(fast: float) -> None:
    """The margin is wider than the buckets that hold stable's requests."""
    tested = check("latency", worse=WorseThanStable(ratio=1.2, margin=0.005))
    bounds = (0.001, 0.0025, 0.005, 0.01, 0.025, math.inf)
    stable = Histogram(
        bounds,
        tuple(
            500.0 * (low < fast <= high) for low, high in zip((0.0, *bounds), bounds, strict=False)
        ),
    )
    within = Histogram(bounds, (0.0, 0.0, 100.0, 0.0, 0.0, 0.0))
    beyond = Histogram(bounds, (0.0, 0.0, 0.0, 0.0, 100.0, 0.0))
    for candidate, expected in ((within, True), (beyond, False)):
        state = after(tested, Metric.LATENCY, [stable] * 20, [(stable, candidate)] * 20)
        assert (tested.read(state).proof > math.log(20)) is expected


def test_a_slowdown_within_the_margin_is_no_harm_and_one_beyond_it_is() -> None:
    tested = check("latency", worse=WorseThanStable(ratio=1.2, margin=0.01))
    bounds = (0.005, 0.01, 0.02, 0.03, math.inf)
    stable = Histogram(bounds, (100.0, 400.0, 0.0, 0.0, 0.0))
    within = Histogram(bounds, (0.0, 20.0, 80.0, 0.0, 0.0))
    beyond = Histogram(bounds, (0.0, 0.0, 0.0, 100.0, 0.0))
    for candidate, expected in ((within, False), (beyond, True)):
        state = after(tested, Metric.LATENCY, [stable] * 20, [(stable, candidate)] * 4)
        assert (tested.read(state).harm > math.log(100)) is expected


@pytest.mark.parametrize(
    ("slow", "limit", "side"),
    [
        (0.00, 0.025, "proof"),
        (0.20, 0.025, "harm"),
        (0.20, 0.020, "neither proof nor harm, as only 10 and 25 ms are bounds"),
        (0.20, 99.0, "neither proof nor harm, as the last bound is 25 ms"),
    ],
    ids=str,
)
def test_a_latency_limit_counts_only_what_the_bounds_tell(
    slow: float, limit: float, side: str
) -> None:
    tested = check("latency", above=LatencyLimit(quantile=0.95, limit=limit))
    value = Histogram(BOUNDS, (0.0, 500 * (1 - slow), 500 * slow))
    if limit == 0.02:
        value = Histogram(BOUNDS, (0.0, 500.0, 0.0))
    reading = tested.read(after(tested, Metric.LATENCY, [], [(None, value)] * 2))
    assert (reading.harm > math.log(100)) is (side == "harm")
    assert (reading.proof > math.log(20)) is (side == "proof")
