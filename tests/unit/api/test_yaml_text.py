"""YAML text: where things were written, and what is refused before it hurts."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api import load_rollout, parse_rollout
from headrace.api.yaml_text import LARGEST, NotYaml, read_documents
from headrace.errors import InvalidRollout

TEXT = """\
# a comment
kind: ModelRollout
spec:
  analysis:
    checks:
    - {name: errors, above: 0.1}
    - name: slow
      above: {limit: 1s}
---
kind: Other
"""
LAUGHS = "\n".join(
    [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]"
            for i in range(9)
        ),
    ]
)
MERGES = "a: &a {x: 1}\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{', '.join(['*' + chr(97 + i)] * 9)}]}}"
    for i in range(9)
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("kind", (2, 1)),
        ("spec.analysis.checks[0].above", (6, 22)),
        ("spec.analysis.checks[1]", (7, 7)),
        ("spec.analysis.checks[1].above.limit", (8, 15)),
        ("spec.analysis.checks[1].below", (7, 7)),
        ("spec.analysis.checks[7]", (5, 5)),
        ("spec.model.uri", (3, 1)),
        ("(document)", (2, 1)),
    ],
)
def test_a_path_is_where_it_was_written(path: str, place: tuple[int, int]) -> None:
    first, second = read_documents(TEXT)
    assert first.position(path) == place
    assert second.position("kind") == (10, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a:\n  b: |\n    one\n    two x\nc: 1\n", (4, 9)),
        ("a:\n  b: |\n\n    one\n    two x\n", (4, 9)),
        ("a: {b: 'one two'}\n", (1, 5)),
        ("a: {c: 1}\n", (1, 1)),
    ],
    ids=["in a block", "after an empty line", "in a text of one line", "in nothing"],
)
def test_a_place_in_a_text_is_a_place_in_the_file(text: str, place: tuple[int, int]) -> None:
    (document,) = read_documents(text)
    assert document.position("a.b:2:5") == place


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        pytest.param("a: [1", "not YAML: did not find expected", 2, id="an open bracket"),
        pytest.param("a:\n\tb: 1", "not YAML: found character", 2, id="a tab"),
        pytest.param("a: !!python/object:os.system x", "not YAML: could not", 1, id="code"),
        pytest.param("a: 2026-99-99", "not YAML: month must be", 0, id="a date that is none"),
        pytest.param("a: \x07", "not YAML", 0, id="a control character"),
        pytest.param("? [a]\n: 1", "not YAML", 1, id="a list as a key"),
        pytest.param("&a [*a]", "has an alias of itself", 1, id="an endless list"),
        pytest.param(LAUGHS, "has aliases of aliases", 6, id="a billion laughs"),
        pytest.param(MERGES, "has aliases of aliases", 6, id="a billion merges"),
        pytest.param("[" * 100_000, "is nested too deeply", 1, id="deep lists"),
        pytest.param("- a\n" * 200_000, "has too many values", 99_999, id="long lists"),
        pytest.param("a" * (LARGEST + 1), "has 2,000,001 characters", 0, id="a large text"),
    ],
)
def test_what_is_no_document_is_refused_soon(text: str, problem: str, line: int) -> None:
    began = time.process_time()
    with pytest.raises(NotYaml, match=problem.replace("[", "\\[")) as caught:
        read_documents(text)
    assert time.process_time() - began < 5
    assert caught.value.line == line


def test_a_tab_is_named() -> None:
    with pytest.raises(NotYaml) as caught:
        read_documents("a:\n\tb: 1")
    assert caught.value.expected == "spaces, as YAML takes no tabs there"


def test_a_key_that_is_written_twice_is_a_fault() -> None:
    with pytest.raises(InvalidRollout) as caught:
        parse_rollout("kind: ModelRollout\nspec: {model: {}, model: {}}\n")
    assert "spec.model: is written twice, first in line 2" in str(caught.value)


def test_aliases_may_be_used() -> None:
    (document,) = read_documents("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 1}}


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"\xff\xfea\x00", "can't decode byte", id="UTF-16"),
        pytest.param(b"a: " + b"b" * 50_000_000, "has 2,000,001 characters", id="50 MB"),
    ],
)
def test_a_file_that_cannot_be_a_rollout_is_refused(
    raw: bytes, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_bytes(raw)
    with pytest.raises(InvalidRollout, match=problem):
        load_rollout(file)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*<!|>'\"# \n\t%@`,?~0."), max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    documents = []
    with contextlib.suppress(NotYaml):
        documents = read_documents(text)
    for document in documents:
        assert document.position("a.b[0].c")[0] >= 1
