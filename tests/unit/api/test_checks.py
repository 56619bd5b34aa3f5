"""Checks as users write them: what each kind needs, and the fault that is named if it is wrong."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headrace.api import Check, parse_rollout
from headrace.api.fields import RuleBroken
from headrace.api.selectors import parse_selector
from headrace.api.templates import render_query
from headrace.errors import InvalidRollout

COUNTS = {"kind": "Counts", "bad": "a_total", "total": "b_total", "above": 0.1}
MEAN = {"kind": "Mean", "sum": "a_sum", "count": "a_count", "worseThanStable": {}}


def faults_of(spec: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Check.model_validate({"name": "it", **spec})
    found = []
    for details in caught.value.errors():
        error = details.get("ctx", {}).get("error")
        assert isinstance(error, RuleBroken), caught.value
        found += [str(fault) for fault in error.faults]
    return found


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"metric": "error-rate", "kind": "Counts", "above": 0.1},
            ": has both metric and kind; expected exactly one of them",
            id="a metric and a kind",
        ),
        pytest.param({"above": 0.1}, ": has neither metric nor kind", id="neither of them"),
        pytest.param(
            {"metric": "request-split", "above": 0.1},
            ": a check of request-split has above; expected no limit: it has its own",
            id="a limit for the split",
        ),
        pytest.param(
            {"metric": "reward", "above": 0.1},
            ": a check of reward has above; expected exactly one of worseThanStable, below",
            id="an upper limit for rewards",
        ),
        pytest.param(
            {"metric": "prediction-drift", "above": 0.2},
            "above: is a number; expected psi or moved, for example `above: {psi: 0.2}`",
            id="drift above a number",
        ),
        pytest.param(
            {"metric": "error-rate", "above": {"psi": 0.2}},
            "above: is a limit of drift; expected a share",
            id="errors above a stability index",
        ),
        pytest.param(
            {"metric": "prediction-drift", "above": {"psi": 0.2, "moved": 0.1}},
            ": has both psi and moved; expected exactly one of them",
            id="two limits of drift",
        ),
        pytest.param(
            {"metric": "feature-drift", "above": {"psi": 0.2}},
            "feature: is missing; expected it for a check of feature-drift",
            id="no feature",
        ),
        pytest.param(
            {"metric": "prediction-drift", "feature": "age", "above": {"psi": 0.2}},
            "feature: is set; expected no feature for a check of prediction-drift",
            id="a feature of predictions",
        ),
        pytest.param(
            {**COUNTS, "total": None},
            "total: is missing; expected it for a check of Counts",
            id="bad events of nothing",
        ),
        pytest.param(
            {**COUNTS, "bad": "rate(a_total[5m])"},
            "bad: calls `rate()`; expected a selector of a raw counter",
            id="rate()",
        ),
        pytest.param(
            {**COUNTS, "bad": 'sum by (x) (increase(a_total{a="b"}[5m]))'},
            "bad: calls `sum()`; expected a selector",
            id="sum of increase",
        ),
        pytest.param(
            {**COUNTS, "bad": "a_total[5m]"}, "bad: has a range, which Headrace sets", id="a range"
        ),
        pytest.param(
            {**COUNTS, "bad": "a_total offset 5m"}, "bad: looks at another time", id="an offset"
        ),
        pytest.param({**COUNTS, "bad": "a_total / 2"}, "bad: computes", id="arithmetic"),
        pytest.param({**COUNTS, "bad": '{job="x"}'}, "bad: names no metric", id="no name"),
        pytest.param({**COUNTS, "bad": 'a{b=~"c}'}, "bad: is 'a{b=~\"c}'", id="an open quote"),
        pytest.param(
            {**COUNTS, "above": 3.0}, "above: is 3; expected a share between 0 and 1", id="no share"
        ),
        pytest.param(
            {**MEAN, "better": "Higher", "worseThanStable": None, "above": 3.0},
            "better: is Higher; expected Lower beside above",
            id="higher is better, up to a limit",
        ),
        pytest.param(
            {**MEAN, "worseThanStable": {"quantile": 0.5}},
            "worseThanStable.quantile: is set; expected no quantile for Mean",
            id="a quantile of a mean",
        ),
        pytest.param(
            {"kind": "Value", "above": 3.0},
            "query: is missing; expected it for a check of Value",
            id="a value of nothing",
        ),
        pytest.param(
            {"kind": "Value", "query": "up{v='{{ candidate.verison }}'}", "above": 3.0},
            "query: says `candidate.verison`, which is not known in line 1, column 20; "
            "expected names of candidate.version",
            id="a slip of the pen in a template",
        ),
        pytest.param(
            {"kind": "Value", "query": "{% for x in [1] %}up{% endfor %}", "above": 3.0},
            "query: has a loop in line 1, column 1; "
            "expected names only, as `{{ candidate.version }}`",
            id="a program in a template",
        ),
        pytest.param(
            {"kind": "Value", "query": "{{ ''.__class__.__mro__ }}", "above": 3.0},
            "query: says `.__mro__`, which is not known in line 1, column 17",
            id="a way out of the sandbox",
        ),
        pytest.param(
            {"kind": "Value", "query": "{{ 10**10**10 }}", "above": 3.0},
            "query: has arithmetic in line 1, column 1",
            id="a number without end in a template",
        ),
        pytest.param(
            {"kind": "Value", "query": "  ", "above": 3.0},
            "query: is empty; expected a query",
            id="no query",
        ),
    ],
)
def test_a_fault_is_named(spec: dict[str, Any], expected: str) -> None:
    given_fields = {name: value for name, value in spec.items() if value is not None}
    (fault,) = faults_of(given_fields)
    assert fault.startswith(expected)


@pytest.mark.parametrize(
    ("spec", "higher"),
    [
        ({"metric": "reward", "below": 0.1}, True),
        ({"metric": "error-rate", "above": 0.1}, False),
        (MEAN, True),
        ({**MEAN, "better": "Lower"}, False),
        ({"kind": "Mean", "sum": "s", "count": "c", "above": 3.0}, False),
        ({"kind": "Mean", "sum": "s", "count": "c", "below": 3.0}, True),
    ],
    ids=str,
)
def test_which_way_is_better(spec: dict[str, Any], higher: bool) -> None:
    assert Check.model_validate({"name": "it", **spec}).higher_is_better is higher


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("orders_total", 'orders_total{v=~"1"}'),
        ('orders_total{shop="e{u}("}', 'orders_total{shop="e{u}(",v=~"1"}'),
        ("orders_total { shop = 'eu' , }", "orders_total{shop = 'eu',v=~\"1\"}"),
        ("{__name__=`a:b`}", '{__name__=`a:b`,v=~"1"}'),
        ('a{b!="c\\"d",e!~"f"}', 'a{b!="c\\"d",e!~"f",v=~"1"}'),
        ("a{}", 'a{v=~"1"}'),
    ],
)
def test_a_selector_gets_one_more_matcher(text: str, written: str) -> None:
    assert str(parse_selector(text).matching("v", "1")) == written


@given(st.text(alphabet="abz_:{}[]()=~!,\"'`\\ 05m+-", max_size=30))
def test_nothing_but_a_selector_is_taken_for_one(text: str) -> None:
    with contextlib.suppress(ValueError):
        selector = parse_selector(text)
        assert parse_selector(str(selector)) == selector


def test_a_template_that_cannot_be_filled_in_names_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"expected names of candidate\.version, stable\.version"):
        render_query("{{ secrets }}", {"candidate": {"version": "1"}})


def test_a_fault_in_a_document_has_its_whole_path() -> None:
    with pytest.raises(InvalidRollout) as caught:
        parse_rollout("""
metadata: {name: a, namespace: b}
spec:
  model: {name: a, version: "1", uri: "file:///a"}
  strategy: {canary: {steps: [{weight: 5, hold: 1m}]}}
  analysis:
    checks:
    - {name: drift, metric: prediction-drift, above: {psi: 0}}
    - {name: slo, metric: latency, above: {quantil: 0.9, limit: 1s}}
    - {name: mem, kind: Value, query: up, above: much}
""")
    paths = [fault.path for fault in caught.value.faults]
    assert "spec.analysis.checks[0].above.psi" in paths
    assert "spec.analysis.checks[1].above.quantil" in paths
    assert "spec.analysis.checks[2].above" in paths
