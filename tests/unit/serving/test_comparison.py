"""What an answer means beside another one, and beside the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from headrace.serving.comparison import agree, is_positive, label_text, reward_of
from headrace.serving.signature import Output

LATE = Output("late", "probability", 0.5)
STRICT = Output("late", "probability", 0.8)
MINUTES = Output("minutes", "number")
DEGREES = Output("degrees", "number", tolerance=2.0)
CLASS = Output("class", "label")


@pytest.mark.parametrize(
    ("mine", "output", "theirs", "other", "alike"),
    [
        (0.6, LATE, 0.9, LATE, True),
        (0.4, LATE, 0.6, LATE, False),
        (0.5, LATE, 0.4, LATE, True),
        (0.6, LATE, 0.7, STRICT, False),
        (0.6, LATE, 0.9, STRICT, True),
        (100.0, MINUTES, 100.9, MINUTES, True),
        (100.0, MINUTES, 101.2, MINUTES, False),
        (0.0, MINUTES, 0.0, MINUTES, True),
        (-1.0, MINUTES, 1.0, MINUTES, False),
        (-1.0, DEGREES, 1.0, DEGREES, True),
        (100.0, DEGREES, 100.9, MINUTES, True),
        (100.0, DEGREES, 102.1, DEGREES, False),
        ("yes", CLASS, "yes", CLASS, True),
        ("yes", CLASS, "Yes", CLASS, False),
    ],
    ids=[
        "probabilities on the same side",
        "probabilities on both sides",
        "a probability on the threshold is not above it",
        "each arm has its own threshold",
        "above both arms' thresholds",
        "numbers within 1 %",
        "numbers more than 1 % apart",
        "two zeros",
        "opposite signs",
        "opposite signs within the tolerance of the bundles",
        "one bundle alone has a tolerance",
        "beyond the tolerance",
        "equal labels",
        "labels that differ in case",
    ],
)
def test_when_two_answers_agree(
    mine: float | str, output: Output, theirs: float | str, other: Output, alike: bool
) -> None:
    assert agree(mine, output, theirs, other) == alike
    assert agree(theirs, other, mine, output) == alike


@pytest.mark.parametrize(
    ("probability", "threshold", "positive"),
    [
        pytest.param(0.5, 0.5, False, id="on the threshold"),
        pytest.param(math.nextafter(0.5, 1), 0.5, True, id="the next number above it"),
        pytest.param(0.0, 0.0, False, id="never at all, whatever the threshold"),
        pytest.param(1.0, 1.0, False, id="a threshold that nothing is above"),
        pytest.param(math.nan, 0.5, False, id="no number"),
    ],
)
def test_a_probability_counts_as_a_yes_above_the_threshold(
    probability: float, threshold: float, positive: bool
) -> None:
    assert is_positive(probability, threshold) is positive
    assert is_positive(np.array([probability]), threshold).tolist() == [positive]


def test_a_tie_is_answered_as_the_model_itself_would() -> None:
    torn = DecisionTreeClassifier().fit([[0.0], [0.0]], [0, 1])
    ((_, probability),) = torn.predict_proba([[0.0]])
    assert torn.predict([[0.0]]).tolist() == [is_positive(probability, 0.5)] == [False]


@pytest.mark.parametrize(
    ("answer", "truth", "tolerance", "reward"),
    [
        pytest.param(0.7, 1.0, None, 1.0, id="a probability on the right side"),
        pytest.param(0.7, 0.0, None, 0.0, id="a probability on the wrong side"),
        pytest.param(0.5, 0.0, None, 1.0, id="on the threshold is a no"),
        pytest.param(0.5, 1.0, None, 0.0, id="on the threshold is not a yes"),
        pytest.param(0.7, 0.5, None, None, id="a truth between no and yes"),
        pytest.param(0.7, "yes", None, None, id="a probability and a text"),
        pytest.param("rain", "rain", None, 1.0, id="the right label"),
        pytest.param("rain", "sun", None, 0.0, id="the wrong label"),
        pytest.param("2", 2.0, None, 1.0, id="a label that is a whole number"),
        pytest.param("2.5", 2.5, None, 1.0, id="a label that is a number"),
        pytest.param("2", math.nan, None, 0.0, id="a label and no number"),
        pytest.param(12.0, 14.0, 2, 1.0, id="a number on the edge of its tolerance"),
        pytest.param(11.9, 14.0, 2, 0.0, id="a number beyond its tolerance"),
        pytest.param(1.0, 1.0, 0, 1.0, id="no tolerance at all"),
        pytest.param(12.0, 14.0, None, None, id="a number that nobody gave a tolerance"),
        pytest.param(12.0, "14", 2, None, id="a number and a text"),
        pytest.param(math.nan, 0.0, None, None, id="a probability that is none"),
        pytest.param(math.nan, 14.0, 2, None, id="an answer that is no number"),
        pytest.param(12.0, math.nan, 2, None, id="a truth that is no number"),
        pytest.param(math.inf, 14.0, 2, 0.0, id="an answer without end"),
        pytest.param(None, 1.0, None, None, id="no answer"),
        pytest.param([0.7], 1.0, None, None, id="an answer of several rows"),
    ],
)
def test_how_right_an_answer_was(
    answer: object, truth: float | str, tolerance: float | None, reward: float | None
) -> None:
    assert reward_of(answer, truth, threshold=0.5, tolerance=tolerance) == reward


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(1, "1", id="a whole number"),
        pytest.param(1.0, "1", id="a whole number as a float"),
        pytest.param(1.5, "1.5", id="a fraction"),
        pytest.param(np.int8(-3), "-3", id="numpy's whole number"),
        pytest.param(np.float32(2.0), "2", id="numpy's float"),
        pytest.param(True, "true", id="a boolean"),
        pytest.param(np.False_, "false", id="numpy's boolean"),
        pytest.param("true", "true", id="a text"),
        pytest.param(float("inf"), "inf", id="infinity"),
    ],
)
def test_a_label_is_written_as_models_write_it(value: object, text: str) -> None:
    assert label_text(value) == text
