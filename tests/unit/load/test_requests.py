"""The files of requests, and what came of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from headrace.errors import InvalidData, NotFound
from headrace.load.counts import Ledger, read_ledger
from headrace.load.requests import read_lines


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
        pytest.param(
            '{"request": {"a": 1}, "label": NaN}\n',
            "`label` must be",
            id="a label that is no number",
        ),
        pytest.param(
            f'{{"request": {{"a": 1}}, "label": {10**400}}}\n',
            "`label` must be",
            id="a label beyond every float",
        ),
        pytest.param("9" * 5000, "line 1: not JSON", id="a number of thousands of digits"),
        pytest.param("[" * 100_000, "line 1: not JSON", id="a list nested too deep"),
        pytest.param('{"request": 1}\n', "`request` must be an object", id="a request of a number"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused_with_the_line(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidData, match=said):
        read_lines(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InvalidData, match=r"model\.onnx is not UTF-8 at byte 7"):
        read_lines(file)


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
