"""A latency limit must be a bound of the histograms that will be read."""

import pytest

from headrace.api import Analysis, Check
from headrace.engine.checks.bucket_bounds import ENVOY_DEFAULT, bound_faults, nearest
from headrace.serving.bounds import LATENCY_SECONDS


def analysis(limit: str) -> Analysis:
    errors = Check.model_validate({"name": "errors", "metric": "error-rate", "above": 0.1})
    slow = {"name": "slow", "metric": "latency", "above": {"limit": limit}}
    return Analysis(checks=[errors, Check.model_validate(slow)])


def test_a_limit_between_bounds_is_a_fault_that_names_them() -> None:
    (fault,) = bound_faults(analysis("300ms"), {"Envoy": ENVOY_DEFAULT})
    assert str(fault) == (
        "spec.analysis.checks[1].above.limit: is 300ms, which is no bucket bound of Envoy; "
        "expected 250ms or 500ms, for example `limit: 500ms`"
    )


def test_a_bound_of_every_histogram_is_no_fault() -> None:
    known = {"Envoy": ENVOY_DEFAULT, "the model server": LATENCY_SECONDS}
    assert bound_faults(analysis("100ms"), known) == []
    assert len(bound_faults(analysis("250ms"), known)) == 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0.1, (0.25,)), (9.0, (0.5,)), (0.25, ()), (0.5, ()), (0.3, (0.25, 0.5))],
    ids=["below all", "above all", "the first", "the last", "between"],
)
def test_the_bounds_next_to_a_limit(limit: float, expected: tuple[float, ...]) -> None:
    assert nearest(limit, (0.25, 0.5)) == expected
