from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.training.evaluation.gates import judge

VALUES = {
    "auc": 0.7,
    "auc.low": 0.65,
    "brier": 0.2,
    "champion.brier": 0.19,
    "worst.log_loss": 0.5,
    "nothing": math.nan,
    "endless": math.inf,
}


@pytest.mark.parametrize(
    ("expression", "passed"),
    [
        pytest.param("auc >= 0.7", True, id="on the floor"),
        pytest.param("auc > 0.7", False, id="not above it"),
        pytest.param("0.6 < auc < 0.8", True, id="a chain"),
        pytest.param("brier <= champion.brier + 0.02", True, id="a margin"),
        pytest.param("brier <= champion.brier * 1.01", False, id="a factor"),
        pytest.param("not auc < 0.5", True, id="not"),
        pytest.param("auc > 0.9 or auc.low > 0.6", True, id="or"),
        pytest.param("max(auc, 0.9) == 0.9 or min(auc, brier) >= 0.2", None, id="equality"),
        pytest.param("min(auc, brier) >= 0.2", True, id="a function"),
        pytest.param("abs(-auc) > +0.5", True, id="signs"),
        pytest.param("nothing < 1", False, id="NaN is not below"),
        pytest.param("nothing > 1", False, id="NaN is not above"),
        pytest.param("endless > 1", False, id="infinity is no number"),
        pytest.param("auc - endless < 1", False, id="nor is a difference with it"),
        pytest.param("not nothing > 1", False, id="NaN is not 'not above' either"),
        pytest.param("not (nothing > 1 or auc > 0.9)", False, id="nor within an or"),
        pytest.param("not not nothing > 1", False, id="nor twice turned"),
        pytest.param("nothing > 1 or not auc > 0.9", True, id="what else holds is enough"),
    ],
)
def test_a_condition(expression: str, passed: bool | None) -> None:
    if passed is None:
        with pytest.raises(InvalidInput, match="a comparison by"):
            judge(expression, VALUES, True)
        return
    (gate,) = judge(expression, VALUES, True)
    assert gate.passed is passed


def test_each_condition_is_told_by_itself() -> None:
    gates = judge("auc >= 0.6 and (brier < 0.1 or auc > 0.9) and worst.log_loss < 1", VALUES, True)
    assert [gate.expression for gate in gates] == [
        "auc >= 0.6", "brier < 0.1 or auc > 0.9", "worst.log_loss < 1",
    ]  # fmt: skip
    assert [gate.value for gate in gates] == [0.7, None, 0.5]
    assert [gate.passed for gate in gates] == [True, False, True]


def test_a_first_model_has_nobody_to_be_better_than() -> None:
    values = {"brier": 0.3, "auc": 0.4}
    gates = judge("brier < champion.brier and auc > 0.5 and champion.p_worse > 0.01", values, False)
    assert [gate.passed for gate in gates] == [True, False, True]


def test_no_gates_hold() -> None:
    assert judge(" ", VALUES, True) == []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        pytest.param("auc >=", "which is no expression", id="half a condition"),
        pytest.param("auc", "expected a comparison", id="no comparison"),
        pytest.param("1", "expected a comparison", id="a number"),
        pytest.param("acu > 1", "names 'acu', which is no score; expected one of: auc", id="typo"),
        pytest.param("champion.auc > 1", "names 'champion.auc'", id="a score the champion lacks"),
        pytest.param("auc > '1'", "'1'\", which is not understood", id="a text"),
        pytest.param("auc > True", "True", id="a boolean"),
        pytest.param("auc == 0.7", "a comparison by", id="equality of floats"),
        pytest.param("auc in [1]", "is not understood", id="a list"),
        pytest.param("auc / 0 > 1", "divides by zero", id="a division by zero"),
        pytest.param(f"auc > 1{'0' * 400}", "too large a number", id="a number without end"),
        pytest.param("__import__('os').system('true') > 0", "is not understood", id="an import"),
        pytest.param("auc.__class__ > 0", "__class__", id="an attribute of Python"),
        pytest.param("(lambda: 1)() > 0", "is not understood", id="a lambda"),
        pytest.param("[x for x in y] > 0", "is not understood", id="a loop"),
        pytest.param("9 ** 9 ** 9 > 0", "is not understood", id="a power"),
        pytest.param("max(auc) > 0", "is not understood", id="a maximum of one"),
        pytest.param("max(*auc) > 0", "is not understood", id="a star"),
        pytest.param("print(auc, auc) > 0", "is not understood", id="another function"),
        pytest.param("auc > 0; auc > 0", "which is no expression", id="two statements"),
        pytest.param("(auc := 1) > 0", "is not understood", id="an assignment"),
        pytest.param("auc > 0" + " and auc > 0" * 500, "at most 2000", id="too long"),
        pytest.param("-" * 1900 + "1 > 0", "", id="too deep"),
    ],
)
def test_what_is_no_gate_is_refused(expression: str, says: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        judge(expression, VALUES, True)
    assert says in str(raised.value)


@given(st.text(max_size=60))
def test_any_text_is_refused_or_judged(text: str) -> None:
    try:
        judge(text, VALUES, True)
    except InvalidInput as error:
        assert str(error)  # noqa: PT017, both ends are right, a traceback is not
