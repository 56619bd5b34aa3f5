from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.serving.feedback import Feedback, read_feedback
from headrace.serving.request import MOST_ROWS, RequestReader, example_body
from headrace.serving.signature import Column

COLUMNS = (
    Column("distance", "number"),
    Column("carrier", "string"),
    Column("wind", "number", nullable=True),
    Column("note", "string", nullable=True),
)
NAMES = [column.name for column in COLUMNS]
ROW = [733, "UA", 10.5, "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def body(names: Any = NAMES, rows: Any = (ROW,)) -> bytes:
    return json.dumps({"data": {"names": names, "ndarray": rows}, "meta": {}}).encode()


@pytest.fixture
def reader() -> RequestReader:
    return RequestReader(COLUMNS)


def test_rows_become_columns(reader: RequestReader) -> None:
    assert reader.read(body(rows=[ROW, [1, "AA", None, None]])) == {
        "distance": [733, 1],
        "carrier": ["UA", "AA"],
        "wind": [10.5, None],
        "note": ["x", None],
    }


def test_names_may_come_in_any_order(reader: RequestReader) -> None:
    found = reader.read(body(NAMES[::-1], [ROW[::-1]]))
    assert list(found) == NAMES
    assert found["distance"] == [733]


def test_an_example_is_a_request(reader: RequestReader) -> None:
    example = {"note": None, "wind": None, "carrier": "AA", "distance": 1}
    assert reader.read(example_body(example))["carrier"] == ["AA"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\xff", "no JSON"),
        (b"[" * 1_000_000, "nested too deep"),
        (b"1" * 5000, "no JSON"),
        (b"[]", "data: is missing"),
        (b"null", "data: is missing"),
        (b'{"data": [1]}', "data: is a list of 1; expected an object"),
        (b'{"data": {"names": []}}', "data.ndarray: is missing; expected a list of rows"),
        (b'{"data": {"ndarray": [[1]]}}', "data.names: is missing; expected the list of columns"),
        (b'{"data": {"names": {}, "ndarray": {}}}', "data.names: is an object; .*data.ndarray"),
        (body(rows=[]), "data.ndarray: has 0 rows; expected 1 to 1000"),
        (body(rows=[ROW] * (MOST_ROWS + 1)), "has 1001 rows"),
        (body(rows=[ROW, ROW[:3]]), r"data.ndarray\[1\]: is a list of 3; expected a list of 4"),
        (body(rows=[ROW, 5]), r"data.ndarray\[1\]: is 5"),
        (body(rows=[[ROW]]), r"data.ndarray\[0\]: is a list of 1"),
        (body(NAMES[:2], [ROW[:2]]), "lacks the columns wind, note"),
        (body([*NAMES, "x"], [[*ROW, 1]]), "has the unknown columns 'x'; expected only distance"),
        (body([*NAMES, "wind"], [[*ROW, 1]]), "has the column 'wind' twice"),
        (body([*NAMES[:3], 4]), r"data.names\[3\]: is 4; expected a text; .*lacks .*note"),
        (body([*NAMES[:3], ["note"]]), r"data.names\[3\]: is a list of 1"),
    ],
    ids=[
        "an empty body",
        "half an object",
        "no text",
        "a million brackets",
        "a number of 5000 digits",
        "a list",
        "null",
        "data as a list",
        "no rows given",
        "no names given",
        "objects for lists",
        "an empty list of rows",
        "too many rows",
        "a short row",
        "a number for a row",
        "a row within a row",
        "columns missing",
        "a column unknown",
        "a column twice",
        "a number for a name",
        "a list for a name",
    ],
)
def test_a_request_of_the_wrong_shape_is_refused(
    reader: RequestReader, content: bytes, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        reader.read(content)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("distance", "733", "is '733'; expected a finite number"),
        ("distance", True, "is true; expected a finite number"),
        ("distance", None, "is null; expected a finite number"),
        ("distance", math.nan, "is nan"),
        ("distance", math.inf, "is inf"),
        ("distance", -math.inf, "is -inf"),
        ("distance", 1e39, "is 1e\\+39"),
        ("distance", 10**400, "is an integer of more than 64 bits"),
        ("distance", [1], "is a list of 1"),
        ("distance", {}, "is an object"),
        ("wind", "x", "is 'x'; expected a finite number or null"),
        ("carrier", 5, "is 5; expected a text"),
        ("carrier", None, "is null; expected a text"),
        ("carrier", "\ud800", r"is '\\ud800'; expected a text"),
        ("note", False, "is false; expected a text or null"),
    ],
    ids=[
        "a text for a number",
        "a boolean for a number",
        "null for a number",
        "NaN",
        "infinity",
        "minus infinity",
        "more than a float32 holds",
        "an integer of 400 digits",
        "a list for a number",
        "an object for a number",
        "a text for a nullable number",
        "a number for a text",
        "null for a text",
        "half of a surrogate pair",
        "a boolean for a nullable text",
    ],
)
def test_a_wrong_value_is_named_with_its_column_and_row(
    reader: RequestReader, column: str, value: object, problem: str
) -> None:
    row = [value if name == column else good for name, good in zip(NAMES, ROW, strict=True)]
    with pytest.raises(InvalidInput, match=f"column {column}, row 1: {problem}"):
        reader.read(body(rows=[ROW, row]))


def test_faults_of_several_columns_are_in_one_sentence(reader: RequestReader) -> None:
    with pytest.raises(InvalidInput, match=r"column distance, row 0.*column carrier, row 0"):
        reader.read(body(rows=[["x", 1, 1, "x"]]))


def test_a_thousand_faults_and_long_values_make_no_long_answer(reader: RequestReader) -> None:
    with pytest.raises(InvalidInput, match="and more") as caught:
        reader.read(body(rows=[["x" * 10_000, 1, 1, "x"]] * MOST_ROWS))
    assert len(str(caught.value)) < 2000


def test_a_hundred_thousand_unknown_names_make_no_long_answer(reader: RequestReader) -> None:
    with pytest.raises(InvalidInput) as caught:
        reader.read(body([f"{n}" * 100 for n in range(100_000)]))
    assert len(str(caught.value)) < 2000


@given(JSON)
def test_whatever_json_comes_is_read_or_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        RequestReader(COLUMNS).read(json.dumps(document).encode())


@given(st.lists(JSON, max_size=5), st.lists(st.lists(JSON, max_size=5), max_size=3))
def test_whatever_table_comes_is_read_or_refused(names: list[Any], rows: list[Any]) -> None:
    try:
        found = RequestReader(COLUMNS).read(body(names, rows))
    except InvalidInput:
        return
    assert list(found) == NAMES


@given(st.binary())
def test_whatever_bytes_come_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        RequestReader(COLUMNS).read(content)


@pytest.mark.parametrize(
    ("content", "reward"),
    [(b'{"reward": 0}', 0.0), (b'{"reward": 1, "id": "x"}', 1.0), (b'{"reward": 0.25}', 0.25)],
    ids=["zero", "one, with other fields", "a part"],
)
def test_a_reward_is_read(content: bytes, reward: float) -> None:
    assert read_feedback(content).reward == reward


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{}", "has no reward"),
        (b'{"reward": null}', "has no reward"),
        (b"[]", "has no reward"),
        (b'{"reward": true}', "reward is true"),
        (b'{"reward": "1"}', "reward is '1'"),
        (b'{"reward": -0.1}', "reward is -0.1"),
        (b'{"reward": 1.1}', "reward is 1.1"),
        (b'{"reward": NaN}', "reward is nan"),
        (b'{"reward": 1' + b"0" * 400 + b"}", "more than 64 bits"),
        (b"{", "no JSON"),
    ],
    ids=[
        "missing, which is not zero",
        "null",
        "a list",
        "a boolean",
        "a text",
        "negative",
        "more than one",
        "NaN",
        "huge",
        "no JSON",
    ],
)
def test_what_is_no_reward_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        read_feedback(content)


def feedback(tags: object) -> bytes:
    return json.dumps({"reward": 1, "request": {"meta": {"tags": tags}}}).encode()


@pytest.mark.parametrize(
    ("content", "segment"),
    [
        (feedback({"country": "at"}), "at"),
        (feedback({"country": "S\u00e3o Tom\u00e9"}), "S\u00e3o Tom\u00e9"),
        (feedback({"country": "x" * 63}), "x" * 63),
        (feedback({"country": "x" * 64}), "other"),
        (feedback({"country": ""}), "other"),
        (feedback({"country": 7}), "other"),
        (feedback({"country": "a\nb"}), "other"),
        (feedback({"country": "\ud800"}), "other"),
        (feedback({"device": "phone"}), "other"),
        (feedback("country"), "other"),
        (b'{"reward": 1, "request": []}', "other"),
        (b'{"reward": 1}', "other"),
    ],
    ids=[
        "a text",
        "letters of any language",
        "the longest",
        "too long",
        "empty",
        "a number",
        "two lines",
        "half of a surrogate pair",
        "another tag",
        "no tags",
        "a request that is no object",
        "no request",
    ],
)
def test_the_segment_is_a_tag_of_the_request(content: bytes, segment: str) -> None:
    assert read_feedback(content, "country") == Feedback(1.0, segment)
    assert read_feedback(content) == Feedback(1.0)
