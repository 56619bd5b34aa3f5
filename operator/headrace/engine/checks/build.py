"""From the spec's checks to the tests that answer them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

from headrace.api import Analysis, Check, DriftLimit, LatencyLimit, WorseThanStable
from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.agreement import Agreement
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.counted import Counted, of_query, of_rewards
from headrace.engine.checks.drift_reference import DriftFromTraining
from headrace.engine.checks.drift_stable import DriftFromStable
from headrace.engine.checks.error_rate import (
    DEFAULT_MARGIN,
    ErrorRateAgainstLimit,
    ErrorRateAgainstStable,
)
from headrace.engine.checks.histogram_query import HistogramQuery
from headrace.engine.checks.latency import DEFAULT_QUANTILE, LatencyAgainstStable
from headrace.engine.checks.latency_limit import LatencyAgainstLimit
from headrace.engine.checks.mean import Mean, MeanLimit
from headrace.engine.checks.request_split import RequestSplit
from headrace.engine.checks.shares import WithinLimit
from headrace.engine.checks.threshold import Threshold
from headrace.engine.checks.wording import number, percent
from headrace.engine.observations import Metric, MetricKey, feature_metric, query_metric


def checks_of(analysis: Analysis) -> tuple[SequentialCheck, ...]:
    """Make the tests of an analysis, in the spec's order.

    Args:
        analysis: Valid; each of its checks has exactly one limit that fits its metric.
    """
    return _tests(tuple(analysis.checks), analysis.risk.false_rollback)


@lru_cache(maxsize=2048)
def _tests(checks: tuple[Check, ...], false_rollback: float) -> tuple[SequentialCheck, ...]:
    """Make the tests: values without a state, so that those of the last tick do as well."""
    tests = tuple(_check(check) for check in checks)
    total = sum(test.share for test in tests)
    limit = math.log(1 / false_rollback)
    return tuple(_with_enough(test, limit, total) for test in tests)


def _with_enough(check: SequentialCheck, limit: float, total: float) -> SequentialCheck:
    """Tell a test of errors how much evidence it needs to roll back alone.

    A check alone rolls back when its share of the combined evidence reaches the limit.
    """
    test = check.test if isinstance(check, Counted) else check
    if not isinstance(test, ErrorRateAgainstStable):
        return check
    test = replace(test, enough=limit + math.log(total / check.share))
    return replace(check, test=test) if isinstance(check, Counted) else test


def metrics_of(analysis: Analysis, *, mirrors: bool) -> tuple[MetricKey, ...]:
    """Name every metric that an analysis can use: what its checks read, and who was served.

    Args:
        analysis: Has the checks.
        mirrors: Whether requests are copied at any time; else nobody asks how copies went.
    """
    checks, kinds = checks_of(analysis), (True, False) if mirrors else (True,)
    wanted: dict[MetricKey, None] = {Metric.REQUESTS: None}
    if mirrors:
        wanted[Metric.MIRRORED] = None
    if any(isinstance(check, ErrorRateAgainstStable) for check in checks):
        wanted = {Metric.SERVED: None} | wanted
    for check in checks:
        for live in kinds:
            wanted |= dict.fromkeys(check.reads(live=live))
    return tuple(wanted)


def queries_of(analysis: Analysis) -> dict[MetricKey, Check]:
    """Give the checks that ask a query of the user's own, by their metric."""
    return {query_metric(check.name): check for check in analysis.checks if check.kind}


def _check(check: Check) -> SequentialCheck:
    match check.subject:
        case "error-rate":
            return _error_rate(check)
        case "latency":
            return _latency(check)
        case "request-split":
            return RequestSplit(check.name, check.required)
        case "reward":
            return _reward(check)
        case "prediction-drift" | "feature-drift":
            return _drift(check)
        case "Counts":
            return _counts(check)
        case "Mean":
            return _mean(check)
        case "Histogram":
            return _histogram(check)
        case "Value":
            return _value(check)
    assert check.below is not None, "the schema asks for exactly one limit"
    return Agreement(check.name, check.required, AbsoluteLimit(1 - check.below))


def _error_rate(check: Check) -> ErrorRateAgainstStable | ErrorRateAgainstLimit:
    if check.worse_than_stable is not None:
        return _comparison(check, check.worse_than_stable, DEFAULT_MARGIN)
    assert isinstance(check.above, float), "the schema asks for exactly one limit"
    return ErrorRateAgainstLimit(check.name, check.required, AbsoluteLimit(check.above))


def _comparison(check: Check, limit: WorseThanStable, margin: float) -> ErrorRateAgainstStable:
    margin = margin if limit.margin is None else limit.margin
    return ErrorRateAgainstStable(
        check.name,
        check.required,
        tolerance=limit.tolerance,
        limit=WithinLimit(limit.ratio, margin),
    )


def _latency(check: Check) -> LatencyAgainstStable | LatencyAgainstLimit:
    above, limit = check.above, check.worse_than_stable
    if limit is None:
        assert isinstance(above, LatencyLimit), "the schema asks for exactly one limit"
        return LatencyAgainstLimit(check.name, check.required, above.quantile, above.limit)
    return LatencyAgainstStable(
        check.name,
        check.required,
        ratio=limit.ratio,
        tolerance=limit.tolerance,
        margin=limit.margin or 0.0,
        quantile=DEFAULT_QUANTILE if limit.quantile is None else limit.quantile,
    )


def _reward(check: Check) -> Counted:
    limit = check.worse_than_stable
    if limit is not None:
        test = _comparison(check, limit, 0.0)
        return Counted(check.name, check.required, of_rewards(compared=True), test)
    assert check.below is not None, "the schema asks for exactly one limit"
    below = ErrorRateAgainstLimit(check.name, check.required, AbsoluteLimit(1 - check.below))
    source = of_rewards(compared=False)
    return Counted(check.name, check.required, source, below, limit=number(check.below))


def _drift(check: Check) -> DriftFromStable | DriftFromTraining:
    limit = check.above
    assert isinstance(limit, DriftLimit), "the schema asks for exactly one limit"
    metric: MetricKey = Metric.PREDICTION
    noun, of = "prediction", ""
    if check.feature is not None:
        metric, noun, of = feature_metric(check.feature), "value", f" of {check.feature}"
    if limit.moved is not None:
        return DriftFromStable(check.name, check.required, metric, noun, limit.moved, of)
    assert limit.psi is not None, "the schema asks for exactly one limit"
    return DriftFromTraining(check.name, check.required, metric, noun, limit.psi, of)


def _counts(check: Check) -> Counted:
    source = of_query(query_metric(check.name), _identity(check))
    limit = percent(check.above) if isinstance(check.above, float) else ""
    return Counted(check.name, check.required, source, _error_rate(check), limit)


def _mean(check: Check) -> Mean:
    higher, limit = check.higher_is_better, check.worse_than_stable
    if limit is not None:
        allowed = MeanLimit(higher, limit.ratio, limit.tolerance, limit.margin or 0.0)
    else:
        bound = check.below if higher else check.above
        assert isinstance(bound, float), "the schema asks for exactly one limit"
        allowed = MeanLimit(higher, number=bound)
    metric = query_metric(check.name)
    return Mean(check.name, check.required, metric, _identity(check), allowed)


def _histogram(check: Check) -> HistogramQuery:
    test = _latency(check)
    limit = ""
    if isinstance(check.above, LatencyLimit):
        limit = f"limit {number(check.above.limit)}"
    metric = query_metric(check.name)
    return HistogramQuery(
        check.name, check.required, metric, _identity(check), test.quantile, test, limit
    )


def _value(check: Check) -> Threshold:
    limit = check.below if check.above is None else check.above
    assert isinstance(limit, float), "the schema asks for exactly one limit"
    metric = query_metric(check.name)
    above = check.above is not None
    return Threshold(check.name, check.required, metric, check.query or "", limit, above)


def _identity(check: Check) -> str:
    """Write down a user's query, so that a changed one begins a new test."""
    texts = [f"{name}={text}" for name, text in check.selectors.items()]
    return " ".join([check.label, *texts])
