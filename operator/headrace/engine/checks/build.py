"""From the spec's checks to the tests that answer them."""

from __future__ import annotations

from headrace.api import Analysis, Check, LatencyLimit, WorseThanStable
from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.agreement import Agreement
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.counted import Counted, Source, of_query, of_rewards
from headrace.engine.checks.error_rate import (
    DEFAULT_MARGIN,
    ErrorRateAgainstLimit,
    ErrorRateAgainstStable,
)
from headrace.engine.checks.latency import DEFAULT_QUANTILE, LatencyAgainstStable
from headrace.engine.checks.latency_limit import LatencyAgainstLimit
from headrace.engine.checks.request_split import RequestSplit
from headrace.engine.checks.shares import WithinLimit
from headrace.engine.checks.wording import number, percent
from headrace.engine.observations import Metric, MetricKey, query_metric


def checks_of(analysis: Analysis) -> tuple[SequentialCheck, ...]:
    """Make the tests of an analysis, in the spec's order.

    Args:
        analysis: Valid; each of its checks has exactly one limit that fits its metric.
    """
    return tuple(_check(check) for check in analysis.checks)


def metrics_of(analysis: Analysis) -> tuple[MetricKey, ...]:
    """Name every metric that an analysis can use: what its checks read, and who was served."""
    wanted: dict[MetricKey, None] = dict.fromkeys((Metric.REQUESTS, Metric.MIRRORED))
    for check in checks_of(analysis):
        for live in (True, False):
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
        case "Counts":
            return _counts(check)
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


def _counts(check: Check) -> Counted:
    source = _source_of_query(check)
    test = _error_rate(check)
    limit = percent(check.above) if isinstance(check.above, float) else ""
    return Counted(check.name, check.required, source, test, limit)


def _source_of_query(check: Check) -> Source:
    texts = [f"{name}={text}" for name, text in check.selectors.items()]
    return of_query(query_metric(check.name), " ".join([check.label, *texts]))
