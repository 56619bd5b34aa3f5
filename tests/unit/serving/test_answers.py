from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import MetricsUnavailable
from headrace.serving.answers import AnswersPage, parse_answers
from headrace.serving.ring import Page
from headrace.serving.signature import Output


@pytest.mark.parametrize(
    ("output", "prediction"),
    [
        (Output("late", "probability", 0.5), 0.25),
        (Output("late", "probability", 0.5), [0.25, 1.0]),
        (Output("minutes", "number"), -3.5),
        (Output("minutes", "number", tolerance=5.0), -3.5),
        (Output("class", "label"), "yes"),
        (Output("class", "label"), ["yes", "no"]),
    ],
    ids=[
        "a probability",
        "two probabilities",
        "a number",
        "a number with a tolerance",
        "a label",
        "two labels",
    ],
)
def test_what_the_server_writes_the_comparator_reads(output: Output, prediction: Any) -> None:
    page = AnswersPage(Page("boot", [(7, "id", prediction)], 7), output)
    assert parse_answers(json.dumps(page.to_document()).encode()) == page


def document(**change: Any) -> dict[str, Any]:
    return {
        "boot": "b",
        "output": {"name": "late", "kind": "probability", "threshold": 0.5},
        "answers": [[1, "id", 0.5]],
        "next": 1,
        **change,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"boot": 5},
        {"next": "1"},
        {"next": None},
        {"output": {"name": "late", "kind": "image", "threshold": None}},
        {"output": {"name": "late", "kind": "probability", "threshold": None}},
        {"output": {"name": "late", "kind": "label", "threshold": None}},
        {"output": {"name": "x", "kind": "number", "threshold": None, "tolerance": -1.0}},
        {"answers": [[1, "id"]]},
        {"answers": [[1, 2, 0.5]]},
        {"answers": [["1", "id", 0.5]]},
        {"answers": [[1, "id", None]]},
        {"answers": [[1, "id", True]]},
        {"answers": [[1, "id", []]]},
        {"answers": [[1, "id", [0.5, "x"]]]},
        {"answers": {"a": 1}},
        {"answers": None},
    ],
    ids=repr,
)
def test_a_broken_page_is_unavailable(change: dict[str, Any]) -> None:
    with pytest.raises(MetricsUnavailable, match="cannot be read"):
        parse_answers(json.dumps(document(**change)).encode())


@given(st.binary())
def test_whatever_bytes_come_are_unavailable(content: bytes) -> None:
    with pytest.raises(MetricsUnavailable):
        parse_answers(content)


def test_a_page_nested_deep_is_unavailable() -> None:
    with pytest.raises(MetricsUnavailable):
        parse_answers(b"[" * 100_000)
