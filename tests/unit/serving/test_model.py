from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from headrace.errors import InvalidBundle, InvalidInput
from headrace.serving.bundle import Bundle, Column, Example, Output
from headrace.serving.counters import HistogramSample
from headrace.serving.exposition import metrics_page
from headrace.serving.model import ServedModel, checked
from headrace.serving.request import Cell, Columns, example_body

REQUEST = example_body({"distance": 0, "carrier": "AA"})
AA = 1 / (1 + math.exp(-1))


@pytest.fixture
def model(bundle: Bundle) -> ServedModel:
    return ServedModel(bundle)


def counted(model: ServedModel) -> float:
    """Give the number of predictions that were counted."""
    return sum(
        sum(each.counts)
        for each in model.counters.samples()
        if isinstance(each, HistogramSample) and each.name == "headrace_prediction"
    )


def failing(columns: Columns) -> Mapping[str, Sequence[Cell]]:
    if "boom" in columns["carrier"]:
        raise KeyError("the secret payload")
    return columns


def test_an_answer_names_the_model_and_its_version(model: ServedModel) -> None:
    reply = model.predict(REQUEST, "id-1")
    assert reply.code == 200
    assert reply.document == {
        "data": {"names": ["late"], "ndarray": [[pytest.approx(AA, abs=1e-6)]]},
        "meta": {"tags": {"model": "flight-delay", "version": "2"}},
    }
    json.dumps(reply.document, allow_nan=False)


def test_an_answer_is_counted_and_kept(model: ServedModel) -> None:
    model.predict(REQUEST, "id-1")
    assert counted(model) == 1
    page = model.answers(0)
    ((sequence, request_id, prediction),) = page.page.answers
    assert (sequence, request_id) == (1, "id-1")
    assert prediction == pytest.approx(AA, abs=1e-6)
    assert page.output == model.signature.output


def test_every_row_is_answered_and_counted(model: ServedModel) -> None:
    rows = [[0, "AA"], [0, "UA"], [0, None]]
    body = json.dumps({"data": {"names": ["distance", "carrier"], "ndarray": rows}}).encode()
    reply = model.predict(body, "id-1")
    assert reply.document["data"] == {
        "names": ["late"],
        "ndarray": [[pytest.approx(AA, abs=1e-6)], [0.5], [0.5]],
    }
    assert counted(model) == 3
    assert model.answers(0).page.answers[0][2] == [pytest.approx(AA, abs=1e-6), 0.5, 0.5]


def test_the_warm_up_is_neither_counted_nor_kept(model: ServedModel) -> None:
    assert counted(model) == 0
    assert model.answers(0).page.answers == []


def test_a_wrong_request_gets_400_with_the_column_and_counts_for_no_feature(
    model: ServedModel,
) -> None:
    reply = model.predict(example_body({"distance": "far", "carrier": "AA"}), "id-1")
    assert reply.code == 400
    assert reply.document == {
        "status": {
            "status": 1,
            "code": 400,
            "reason": "InvalidRequest",
            "info": "The request cannot be answered: column distance, row 0: is 'far'; "
            "expected a finite number.",
        },
        "meta": {"tags": {"model": "flight-delay", "version": "2"}},
    }
    assert counted(model) == 0
    assert model.answers(0).page.answers == []


def test_a_failure_gets_500_and_neither_answer_nor_log_has_the_payload(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    model = ServedModel(bundle, transform=failing)
    with caplog.at_level(logging.ERROR):
        reply = model.predict(example_body({"distance": 1, "carrier": "boom"}), "id\n7" * 100)
    assert reply.code == 500
    assert reply.document["status"] == {
        "status": 1,
        "code": 500,
        "reason": "ModelFailed",
        "info": "The model failed on this request with KeyError; the server's log says where.",
    }
    (record,) = caplog.records
    text = record.getMessage()
    assert "KeyError at test_model.py:" in text
    assert "id\\n7" in text
    assert "\n" not in text
    assert len(text) < 400
    for secret in ("boom", "secret"):
        assert secret not in text + json.dumps(reply.document)
    assert counted(model) == 0


def test_the_server_answers_on_after_a_failure(bundle: Bundle) -> None:
    model = ServedModel(bundle, transform=failing)
    assert model.predict(example_body({"distance": 1, "carrier": "boom"})).code == 500
    assert model.predict(REQUEST).code == 200


def test_a_transform_computes_the_models_inputs_from_other_columns(bundle: Bundle) -> None:
    def transform(columns: Columns) -> Mapping[str, Any]:
        return {
            "distance": np.array([float(str(km)) / 1.6 for km in columns["km"]], np.float32),
            "carrier": [str(flight)[:2] for flight in columns["flight"]],
            "km": columns["km"],
        }

    columns = (Column("flight", "string"), Column("km", "number"))
    examples: tuple[Example, ...] = ({"flight": "AA100", "km": 1.6},)
    model = ServedModel(dataclasses.replace(bundle, examples=examples), transform, columns)
    reply = model.predict(example_body({"km": 0, "flight": "AA123"}))
    assert reply.code == 200
    assert reply.document["data"] == {
        "names": ["late"],
        "ndarray": [[pytest.approx(AA, abs=1e-6)]],
    }
    assert model.predict(REQUEST).code == 400
    assert counted(model) == 1


def test_a_transform_may_refuse_a_request_with_a_sentence(bundle: Bundle) -> None:
    def transform(columns: Columns) -> Columns:
        if columns["distance"] == [-1.0]:
            raise InvalidInput("distance is -1; expected miles")
        return columns

    model = ServedModel(bundle, transform)
    reply = model.predict(example_body({"distance": -1, "carrier": "AA"}))
    assert reply.code == 400
    assert reply.document["status"] == {
        "code": 400,
        "info": "distance is -1; expected miles",
        "reason": "InvalidRequest",
        "status": 1,
    }


@pytest.mark.parametrize(
    "transformed",
    [
        {"distance": [1.0]},
        {"distance": [1.0, 2.0], "carrier": ["AA", "AA"]},
        {"distance": [[1.0]], "carrier": ["AA"]},
        {"distance": ["far"], "carrier": ["AA"]},
        {"distance": [math.nan], "carrier": ["AA"]},
        {"distance": [1.0], "carrier": [5]},
        {"distance": [1.0], "carrier": [["AA"]]},
        None,
    ],
    ids=[
        "a column missing",
        "too many rows",
        "nested values",
        "a text for a number",
        "a number that makes the answer NaN",
        "a number for a text",
        "a list for a text",
        "nothing",
    ],
)
def test_a_broken_transform_gets_500(bundle: Bundle, transformed: Any) -> None:
    broken = {"yes": False}

    def transform(columns: Columns) -> Any:
        return transformed if broken["yes"] else columns

    model = ServedModel(bundle, transform)
    broken["yes"] = True
    assert model.predict(REQUEST, "id-1").code == 500
    assert counted(model) == 0
    assert model.answers(0).page.answers == []


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        ({"distance": 1}, "lacks the columns carrier"),
        ({"distance": 1, "carrier": "boom"}, "KeyError: 'the secret payload' .at test_model.py"),
    ],
    ids=["an example with other columns", "an example on which the transform fails"],
)
def test_a_model_that_cannot_answer_its_examples_is_not_served(
    bundle: Bundle, example: dict[str, Any], problem: str
) -> None:
    examples = (bundle.examples[0], example)
    with pytest.raises(InvalidBundle, match=f"cannot answer line 2 of its examples.*{problem}"):
        ServedModel(dataclasses.replace(bundle, examples=examples), transform=failing)


def test_a_reward_of_zero_is_counted_and_a_missing_one_is_refused(model: ServedModel) -> None:
    assert model.feedback(b'{"reward": 0}').code == 200
    reply = model.feedback(b"{}")
    assert reply.code == 400
    assert "has no reward" in json.dumps(reply.document)
    (found,) = [each for each in model.counters.samples() if each.name == "headrace_reward"]
    assert isinstance(found, HistogramSample)
    assert found.counts[0] == 1
    assert sum(found.counts) == 1


def test_feedback_is_counted_by_the_tag_that_was_asked_for(bundle: Bundle) -> None:
    model = ServedModel(bundle, segments="country")
    body = {"reward": 1, "request": {"meta": {"tags": {"country": "at", "device": "phone"}}}}
    assert model.feedback(json.dumps(body).encode()).code == 200
    page = metrics_page(model.counters.samples)({}).content.decode()
    labels = 'model="flight-delay",segment="at",version="2"'
    assert f"headrace_segment_reward_sum{{{labels}}} 1.0" in page
    assert f"headrace_segment_reward_count{{{labels}}} 1.0" in page
    assert "phone" not in page


PROBABILITY = Output("late", "probability", 0.5)


@pytest.mark.parametrize(
    ("values", "output", "expected"),
    [
        (np.array([0.25, 1.0], np.float32), PROBABILITY, [0.25, 1.0]),
        (np.array([-1e-7, 1 + 1e-6]), PROBABILITY, [0.0, 1.0]),
        (np.array([-5, 7]), Output("x", "number"), [-5.0, 7.0]),
        (np.array(["a", "b"]), Output("x", "label"), ["a", "b"]),
        (np.array([0, 1]), Output("x", "label"), ["0", "1"]),
    ],
    ids=["probabilities", "rounding is cut off", "numbers", "labels", "numbers as labels"],
)
def test_what_a_model_may_give(values: Any, output: Output, expected: list[Any]) -> None:
    found = checked(values, 2, output)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("values", "output"),
    [
        (np.array([0.5]), PROBABILITY),
        (np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]), PROBABILITY),
        (np.array([0.5, np.nan]), PROBABILITY),
        (np.array([0.5, np.inf]), Output("x", "number")),
        (np.array([0.5, 1.1]), PROBABILITY),
        (np.array([0.5, -0.1]), PROBABILITY),
    ],
    ids=["a row missing", "three classes", "NaN", "infinity", "more than one", "less than zero"],
)
def test_what_a_model_may_not_give(values: Any, output: Output) -> None:
    with pytest.raises(ValueError, match="the model gave"):
        checked(values, 2, output)
