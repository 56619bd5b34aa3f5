"""What the checks say, and what they are made from."""

import math
from itertools import pairwise

import pytest

from headrace.api import Analysis, Check, LatencyLimit, WorseThanStable
from headrace.api.status import Interval as Estimate
from headrace.engine.checks import wording
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.blocks import coarsened, overlaps
from headrace.engine.checks.build import checks_of
from headrace.engine.checks.error_rate import ErrorRateAgainstStable
from headrace.engine.checks.latency import LatencyAgainstStable
from headrace.engine.checks.latency_reference import exceedances
from headrace.engine.checks.slow_limit import slow_limit
from headrace.engine.observations import Counts, Histogram, Interval, Metric, Value

BOUNDS = (0.01, 0.025, 0.05, math.inf)


def made(**spec: object) -> SequentialCheck:
    return checks_of(Analysis(checks=[Check.model_validate({"name": "it", **spec})]))[0]


def sentence(check: SequentialCheck, metric: Metric, stable: Value, candidate: Value) -> str:
    state = check.initial()
    for at in range(10):
        state = check.absorb(state, Interval(metric, at, at + 1, stable, None))
    state = check.absorb(state, Interval(metric, 10.0, 11.0, stable, candidate))
    return check.read(state).sentence


WORSE = {"ratio": 1.5}
STABLE_TIMES = Histogram(BOUNDS, (4000.0, 3500.0, 1500.0, 0.0))


@pytest.mark.parametrize(
    ("spec", "metric", "stable", "candidate", "expected"),
    [
        (
            {"metric": "error-rate", "worse_than_stable": WORSE},
            Metric.REQUESTS,
            Counts(0.0, 820.0),
            Counts(14.0, 1812.0),
            (
                "candidate failed 14 of 1,812 requests (0.77 %, between 0.23 and 1.8 %), "
                "stable failed 0 of 820 requests (at most 0.84 %)"
            ),
        ),
        (
            {"metric": "error-rate", "worse_than_stable": WORSE},
            Metric.MIRRORED,
            Counts(12.0, 100.0),
            Counts(1.0, 1.0),
            (
                "candidate failed 1 of 1 request (100 %, at least 2.5 %), "
                "stable failed 12 of 100 requests (12 %, between 4 and 25.4 %)"
            ),
        ),
        (
            {"metric": "error-rate", "above": 0.02},
            Metric.REQUESTS,
            Counts(0.0, 820.0),
            Counts(14.0, 812.0),
            "candidate failed 14 of 812 requests (1.7 %, between 0.55 and 3.9 %), limit 2 %",
        ),
        (
            {"metric": "shadow-agreement", "below": 0.97},
            Metric.AGREEMENT,
            Counts(0.0, 0.0),
            Counts(14.0, 812.0),
            (
                "candidate's answer differed from stable's in 14 of 812 requests "
                "(1.7 %, between 0.55 and 3.9 %), limit 3 %"
            ),
        ),
        (
            {"metric": "latency", "worse_than_stable": {"ratio": 1.2, "quantile": 0.5}},
            Metric.LATENCY,
            STABLE_TIMES,
            Histogram(BOUNDS, (40.0, 35.0, 15.0, 0.0)),
            (
                "candidate's p50 is 12.1 ms (between 7.37 and 18.8 ms) over 90 requests, "
                "stable's p50 is 12.1 ms (between 11.3 and 12.9 ms) over 9,000"
            ),
        ),
        (
            {"metric": "latency", "worse_than_stable": {"ratio": 1.2, "quantile": 0.999}},
            Metric.SERVER_LATENCY,
            STABLE_TIMES,
            Histogram(BOUNDS, (0.0, 0.0, 0.0, 90.0)),
            (
                "candidate's p99.9 is over 50 ms over 90 requests, "
                "stable's p99.9 is 49.9 ms (between 49.6 and 50 ms) over 9,000"
            ),
        ),
        (
            {"metric": "latency", "above": {"quantile": 0.95, "limit": "25ms"}},
            Metric.LATENCY,
            STABLE_TIMES,
            Histogram(BOUNDS, (40.0, 35.0, 15.0, 0.0)),
            (
                "15 of 90 requests of the candidate (16.7 %) took longer than 25 ms, limit 5 %; "
                "its p95 is 42.5 ms (at least 28.7 ms)"
            ),
        ),
        (
            {"metric": "latency", "above": {"quantile": 0.95, "limit": "30ms"}},
            Metric.LATENCY,
            STABLE_TIMES,
            Histogram(BOUNDS, (40.0, 35.0, 15.0, 0.0)),
            (
                "between 0 and 15 of 90 requests of the candidate took longer than 30 ms, "
                "which is no bucket bound, limit 5 %; its p95 is 42.5 ms (at least 28.7 ms)"
            ),
        ),
    ],
    ids=[
        "errors",
        "errors of one copy",
        "errors and a limit",
        "agreement",
        "latency",
        "latency beyond the last bound",
        "latency and a limit",
        "latency and a limit between bounds",
    ],
)
def test_sentences(
    spec: dict[str, object], metric: Metric, stable: Value, candidate: Value, expected: str
) -> None:
    assert sentence(made(**spec), metric, stable, candidate) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0 %"),
        (0.000012, "0.0012 %"),
        (0.0077, "0.77 %"),
        (0.017, "1.7 %"),
        (0.0996, "9.96 %"),
        (0.1234, "12.3 %"),
        (0.5, "50 %"),
        (1.0, "100 %"),
    ],
    ids=str,
)
def test_percentages_have_sensible_digits(share: float, expected: str) -> None:
    assert wording.percent(share) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.00012, "0.12 ms"),
        (0.0034, "3.4 ms"),
        (0.034, "34 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (1.234, "1.23 s"),
        (12345.0, "12,300 s"),
    ],
    ids=str,
)
def test_latencies_have_sensible_units(value: float, expected: str) -> None:
    assert wording.seconds(value) == expected


def test_a_range_across_units_names_both() -> None:
    estimate = Estimate(value=1.0, low=0.9, high=1.5)
    assert wording.seconds_range(estimate) == "between 900 ms and 1.5 s"


def test_checks_are_made_in_order_with_their_defaults() -> None:
    checks = checks_of(
        Analysis(
            checks=[
                Check(
                    name="errors",
                    metric="error-rate",
                    worse_than_stable=WorseThanStable(ratio=1.3, tolerance=1.1),
                ),
                Check(
                    name="latency",
                    metric="latency",
                    worse_than_stable=WorseThanStable(ratio=1.2, margin=0.005),
                    required=False,
                ),
                Check(name="slo", metric="error-rate", above=0.02),
                Check(name="fast", metric="latency", above=LatencyLimit(limit=0.25)),
                Check(name="agreement", metric="shadow-agreement", below=0.97),
            ]
        )
    )
    assert [check.name for check in checks] == ["errors", "latency", "slo", "fast", "agreement"]
    assert [check.share for check in checks] == [1.0, 0.5, 1.0, 0.5, 0.5]
    assert [check.compares for check in checks] == [True, True, False, False, False]
    assert [check.required for check in checks] == [True, False, True, True, True]
    errors, latency = checks[:2]
    assert isinstance(errors, ErrorRateAgainstStable)
    assert (errors.limit.ratio, errors.limit.margin, errors.tolerance) == (1.3, 0.005, 1.1)
    assert isinstance(latency, LatencyAgainstStable)
    assert (latency.margin, latency.quantile, latency.tolerance) == (0.005, 0.95, 1.0)


@pytest.mark.parametrize(
    ("spec", "live", "mirrored"),
    [
        ({"metric": "error-rate", "above": 0.1}, (Metric.REQUESTS,), (Metric.MIRRORED,)),
        (
            {"metric": "latency", "worse_than_stable": WORSE},
            (Metric.LATENCY,),
            (Metric.SERVER_LATENCY,),
        ),
        ({"metric": "shadow-agreement", "below": 0.9}, (), (Metric.AGREEMENT,)),
    ],
    ids=["errors", "latency", "agreement"],
)
def test_what_is_read_depends_on_whether_users_are_served(
    spec: dict[str, object], live: tuple[Metric, ...], mirrored: tuple[Metric, ...]
) -> None:
    assert (made(**spec).reads(live=True), made(**spec).reads(live=False)) == (live, mirrored)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((0.0, 10.0), False), ((20.0, 30.0), False), ((5.0, 15.0), True), ((12.0, 14.0), True)],
    ids=["before", "after", "into it", "inside it"],
)
def test_overlaps(interval: tuple[float, float], expected: bool) -> None:
    other = Interval(Metric.REQUESTS, *interval, None, None)
    assert overlaps(other, [10.0, 20.0]) is expected
    assert not overlaps(other, [])


def test_coarser_buckets_keep_every_request() -> None:
    value = Histogram(BOUNDS, (1.0, 2.0, 3.0, 4.0))
    assert coarsened(value, BOUNDS[:-1]) == (1.0, 2.0, 3.0, 4.0)
    assert coarsened(value, (0.025,)) == (3.0, 7.0)
    assert coarsened(value, ()) == (10.0,)
    assert coarsened(value, (0.02,)) is None


def test_exceedances_are_counts_above_each_bound() -> None:
    assert exceedances((1.0, 2.0, 3.0, 4.0)) == (9.0, 7.0, 4.0)


@pytest.mark.parametrize(
    ("counts", "bound"),
    [
        ((4000.0, 3500.0, 1500.0, 1.0), 1),
        ((9990.0, 10.0, 0.0, 0.0), 0),
        ((0.0, 0.0, 0.0, 900.0), 2),
        ((0.0, 900.0, 0.0, 0.0), 1),
    ],
    ids=[
        "the quantile is in the third bucket, whose lower bound tells more",
        "nearly all are in the first bucket",
        "all are beyond the last bound",
        "all are in one bucket",
    ],
)
def test_the_bound_of_slow_requests_is_next_to_the_quantile(
    counts: tuple[float, ...], bound: int
) -> None:
    chosen = slow_limit(counts, BOUNDS[:-1], quantile=0.95, ratio=1.5, margin=0.0)
    assert chosen.bound == bound
    assert 1.2 <= chosen.limit.ratio <= 2
    assert 0 <= chosen.limit.margin < 1


def test_the_limit_is_the_slow_share_of_a_slower_stable() -> None:
    """For log-normal latencies, with bounds on both sides of the quantile."""

    def above(t: float) -> float:
        return 0.5 * math.erfc(math.log(t / 0.1) / 0.6 / math.sqrt(2))

    bounds = (0.05, 0.1, 0.25, 0.5)
    edges = [1.0, *(above(bound) for bound in bounds), 0.0]
    counts = [1e9 * (high - low) for high, low in pairwise(edges)]
    chosen = slow_limit(counts, bounds, quantile=0.95, ratio=1.2, margin=0.0)
    assert bounds[chosen.bound] == 0.25
    limit = chosen.limit.ratio * above(0.25) + chosen.limit.margin
    assert limit == pytest.approx(above(0.25 / 1.2), rel=1e-6)
