"""The files of requests, and what came of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from headrace.errors import InvalidData, NotFound
from headrace.load.counts import Ledger, read_ledger
from headrace.load.requests import read_lines
from headrace.load.rewards import reward_of


def written(folder: Path, text: str) -> Path:
    path = folder / "requests.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_sent_as_one_row_in_the_order_of_its_columns(tmp_path: Path) -> None:
    (line,) = read_lines(written(tmp_path, '{"carrier": "AA", "hour": 7.5}\n\n'))
    assert line.label is None
    assert json.loads(line.body) == {
        "data": {"names": ["carrier", "hour"], "ndarray": [["AA", 7.5]]}
    }


def test_a_line_may_say_what_turned_out_to_be_true(tmp_path: Path) -> None:
    told: list[dict[str, object]] = [
        {"label": True},
        {"label": None},
        {"label": "rain"},
        {"label": 9.5, "tolerance": 2},
    ]
    text = "".join(json.dumps({"request": {"hour": 1}, **each}) + "\n" for each in told)
    lines = read_lines(written(tmp_path, text))
    assert [line.label for line in lines] == [1, None, "rain", 9.5]
    assert [line.tolerance for line in lines] == [None, None, None, 2]


@pytest.mark.parametrize(
    ("answer", "label", "tolerance", "reward"),
    [
        pytest.param(0.7, 1.0, None, 1.0, id="a probability on the right side"),
        pytest.param(0.7, 0.0, None, 0.0, id="a probability on the wrong side"),
        pytest.param("rain", "rain", None, 1.0, id="the right label"),
        pytest.param("rain", "sun", None, 0.0, id="the wrong label"),
        pytest.param("2", 2.0, None, 1.0, id="a label that is a number"),
        pytest.param(12.0, 14.0, 2, 1.0, id="a number within its tolerance"),
        pytest.param(11.9, 14.0, 2, 0.0, id="a number beyond its tolerance"),
        pytest.param(1.0, 1.0, 0, 1.0, id="no tolerance at all"),
        pytest.param(12.0, 14.0, None, None, id="a number that nobody gave a tolerance"),
        pytest.param(0.7, "yes", None, None, id="a probability and a text"),
        pytest.param(None, 1.0, None, None, id="no answer"),
    ],
)
def test_how_right_an_answer_was(
    answer: object, label: float | str, tolerance: float | None, reward: float | None
) -> None:
    assert reward_of(answer, label, tolerance, threshold=0.5) == reward


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "no requests", id="an empty file"),
        pytest.param('{"a": 1}\n{"a": \n', "line 2: not JSON", id="a line that is cut off"),
        pytest.param("[1, 2]\n", "line 1: expected an object", id="a list"),
        pytest.param("{}\n", "line 1: expected an object", id="no columns"),
        pytest.param(
            '{"request": {"a": 1}, "label": [1]}\n', "`label` must be", id="a label of a list"
        ),
        pytest.param(
            '{"request": {"a": 1}, "label": 1, "tolerance": -1}\n',
            "`tolerance` a",
            id="a tolerance below 0",
        ),
        pytest.param('{"request": 1}\n', "`request` must be an object", id="a request of a number"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused_with_the_line(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidData, match=said):
        read_lines(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.jsonl"):
        read_lines(tmp_path / "nothing.jsonl")


def test_counts_survive_the_file_and_add_up(tmp_path: Path) -> None:
    one = Ledger(5, Counter({"1": 4}), Counter({"1: HTTP 503": 1}), Counter(), Counter())
    one.write(tmp_path / "ledger.json")
    again = read_ledger(tmp_path / "ledger.json")
    assert again == one
    again.add(one)
    assert (again.sent, again.answered["1"], again.failed["1: HTTP 503"]) == (10, 8, 2)
