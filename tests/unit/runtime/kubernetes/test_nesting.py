"""Objects that are nested without end."""

from __future__ import annotations

import json

import pytest

from headrace.runtime.kubernetes.answers import decoded
from headrace.runtime.kubernetes.documents import Document
from headrace.runtime.kubernetes.json_values import packed
from headrace.runtime.kubernetes.nesting import CUT, MOST_LEVELS, shallow, shallow_text


def nested(levels: int) -> str:
    return '{"[a]\\"": ' * levels + "[1]" + "}" * levels


@pytest.mark.parametrize("levels", [1, 50, MOST_LEVELS - 1])
def test_what_people_write_stays_as_it_is(levels: int) -> None:
    text = nested(levels).encode()
    assert shallow_text(text) == text
    assert shallow(json.loads(text)) == json.loads(text)


@pytest.mark.parametrize("levels", [MOST_LEVELS, MOST_LEVELS + 1, 500])
def test_what_is_deeper_is_cut_the_same_as_a_text_and_as_a_value(levels: int) -> None:
    cut = json.loads(shallow_text(nested(levels).encode()))
    assert cut == shallow(json.loads(nested(levels)))
    assert CUT in json.dumps(cut)


def test_brackets_in_texts_are_no_levels() -> None:
    text = json.dumps({"a": '\\"[{' * 500, "b": "\\"}).encode()
    assert shallow_text(text) == text


@pytest.mark.parametrize("levels", [200, 300, 1_100, 9_000])
def test_an_object_beside_others_is_read_kept_and_written_however_deep_it_is(levels: int) -> None:
    listed = f'{{"items": [{{"a": {nested(levels)}}}, {{"b": 1}}]}}'.encode()
    deep, other = decoded(listed)["items"]
    assert other == {"b": 1}
    assert CUT in packed(deep).decode() or levels == 200
    assert dict(Document(deep)["a"])


def test_what_is_no_json_is_given_as_a_text() -> None:
    assert decoded(b"<html>[[[") == "<html>[[["
