"""From the spec's checks to the tests that answer them."""

from __future__ import annotations

import math
from dataclasses import replace

from headrace.api import Analysis, Check, LatencyLimit, WorseThanStable
from headrace.engine.checks.absolute import AbsoluteLimit
from headrace.engine.checks.agreement import Agreement
from headrace.engine.checks.base import SequentialCheck
from headrace.engine.checks.error_rate import (
    DEFAULT_MARGIN,
    ErrorRateAgainstLimit,
    ErrorRateAgainstStable,
)
from headrace.engine.checks.latency import DEFAULT_QUANTILE, LatencyAgainstStable
from headrace.engine.checks.latency_limit import LatencyAgainstLimit
from headrace.engine.checks.shares import WithinLimit


def checks_of(analysis: Analysis) -> tuple[SequentialCheck, ...]:
    """Make the tests of an analysis, in the spec's order.

    Args:
        analysis: Valid; each of its checks has exactly one limit that fits its metric.
    """
    checks = tuple(_check(check) for check in analysis.checks)
    total = sum(check.share for check in checks)
    limit = math.log(1 / analysis.risk.false_rollback)
    # A check alone rolls back when its share of the combined evidence reaches the limit.
    return tuple(
        replace(check, enough=limit + math.log(total / check.share))
        if isinstance(check, ErrorRateAgainstStable)
        else check
        for check in checks
    )


def _check(check: Check) -> SequentialCheck:
    if check.worse_than_stable is not None:
        return _comparison(check, check.worse_than_stable)
    if isinstance(check.above, LatencyLimit):
        above = check.above
        return LatencyAgainstLimit(check.name, check.required, above.quantile, above.limit)
    if check.above is not None:
        return ErrorRateAgainstLimit(check.name, check.required, AbsoluteLimit(check.above))
    assert check.below is not None, "the schema asks for exactly one limit"
    return Agreement(check.name, check.required, AbsoluteLimit(1 - check.below))


def _comparison(check: Check, limit: WorseThanStable) -> SequentialCheck:
    if check.metric == "latency":
        return LatencyAgainstStable(
            check.name,
            check.required,
            ratio=limit.ratio,
            tolerance=limit.tolerance,
            margin=limit.margin or 0.0,
            quantile=DEFAULT_QUANTILE if limit.quantile is None else limit.quantile,
        )
    margin = DEFAULT_MARGIN if limit.margin is None else limit.margin
    return ErrorRateAgainstStable(
        check.name,
        check.required,
        tolerance=limit.tolerance,
        limit=WithinLimit(limit.ratio, margin),
    )
