from __future__ import annotations

import json

import pytest

from headrace.errors import InvalidInput
from headrace.labels.records import Kind, Label, Outcome, Prediction, Value, judge, read_line

NOW = 1_795_300_000.0


@pytest.mark.parametrize(
    ("answer", "kind", "truth", "outcome"),
    [
        (0.75, "probability", 1.0, Outcome(1.0, 0.0625, 0.25, 1.0)),
        (0.75, "probability", 0.0, Outcome(0.0, 0.5625, 0.75, 0.0)),
        (0.5, "probability", 0.0, Outcome(1.0, 0.25, 0.5, 1.0)),
        ("cat", "label", "cat", Outcome(1.0, 0.0, 0.0, 1.0)),
        ("cat", "label", "dog", Outcome(0.0, 0.0, 0.0, 0.0)),
        ("3", "label", 3.0, Outcome(1.0, 0.0, 0.0, 1.0)),
        (10.0, "number", 7.0, Outcome(0.0, 9.0, 3.0, None)),
    ],
)
def test_an_answer_is_judged_by_its_kind(
    answer: Value, kind: Kind, truth: Value, outcome: Outcome
) -> None:
    assert judge(answer, kind, 0.5, truth) == outcome


@pytest.mark.parametrize(
    ("answer", "kind", "truth"),
    [(0.8, "probability", 0.5), (0.8, "probability", "late"), (3.0, "number", "three")],
)
def test_what_cannot_be_compared_is_no_mistake_of_the_model(
    answer: Value, kind: Kind, truth: Value
) -> None:
    assert judge(answer, kind, 0.5, truth) is None


def test_a_prediction_and_a_label_are_read() -> None:
    line = {"request_id": "a", "version": "7", "prediction": 0.5, "time": NOW, "copied": True}
    read = read_line(json.dumps(line), "probability", NOW)
    assert read == Prediction("a", "7", 0.5, NOW, copied=True)
    assert read_line('{"request_id": "a", "label": true}', "number", NOW) == Label("a", 1.0, NOW)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("3", "is neither"),
        ('{"request_id": "a"}', "is neither"),
        ('{"request_id": "a", "label": 1, "prediction": 1}', "is neither"),
        ('{"request_id": "", "label": 1}', "has the request_id"),
        ('{"request_id": 3, "label": 1}', "has the request_id 3"),
        ('{"request_id": "a\\ud800", "label": 1}', "has the request_id"),
        ('{"request_id": "a", "label": null}', "has the label null"),
        ('{"request_id": "a", "label": NaN}', "has the label"),
        ('{"request_id": "a", "label": 1e300}', "has the label"),
        ('{"request_id": "a", "label": 1, "time": 1e12}', "not in the future"),
        ('{"request_id": "a", "label": 1, "time": -1}', "not in the future"),
        ('{"request_id": "a", "version": "7", "prediction": 0.5}', "has the time null"),
        ('{"request_id": "a", "prediction": 0.5, "time": 1}', "has the version null"),
        (f'{{"version": "{"7" * 200}", "request_id": "a", "prediction": 0}}', "at most 128"),
        ('{"request_id": "a", "version": "7", "prediction": 1.5, "time": 1}', "from 0 to 1"),
        (
            '{"request_id": "a", "version": "7", "prediction": "x", "time": 1, "kind": "number"}',
            "of kind 'number'",
        ),
        (
            '{"request_id": "a", "version": "7", "prediction": 1, "time": 1, "kind": ["number"]}',
            "of kind a list of 1",
        ),
    ],
    ids=lambda text: str(text)[:60],
)
def test_what_is_no_record_is_refused(line: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_line(line, "probability", NOW)
