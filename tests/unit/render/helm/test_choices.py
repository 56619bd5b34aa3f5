"""Two ways become one with choices, and nothing is written twice that both have."""

from __future__ import annotations

import pytest

from headrace.render.helm.choices import merged
from headrace.render.helm.nodes import ABSENT, Choice, Condition, Expression, Node, Number, text

ASKED = Condition(".Values.asked")
WEIGHT = Expression(".Values.weight")
ANSWERS = Condition("gt .Values.weight 0", {}, {WEIGHT: 0})


def only(node: Node) -> Choice:
    return Choice(ASKED, node, ABSENT)


CASES: dict[str, tuple[Node, Node, Node]] = {
    "what is the same has no choice": ({"a": [1, "x"]}, {"a": [1, "x"]}, {"a": [1, "x"]}),
    "a key that one way lacks": ({"a": 1, "b": 2}, {"b": 2}, {"a": only(1), "b": 2}),
    "a value that differs": ({"a": 1}, {"a": 2}, {"a": Choice(ASKED, 1, 2)}),
    "an entry with a name": (
        [{"name": "x", "port": 1}, {"name": "y"}],
        [{"name": "x", "port": 2}],
        [{"name": "x", "port": Choice(ASKED, 1, 2)}, only({"name": "y"})],
    ),
    "entries without names, of the same number": (
        ["a", "b"],
        ["a", "c"],
        ["a", Choice(ASKED, "b", "c")],
    ),
    "entries without names, of another number": (["a", "b"], ["b"], [only("a"), "b"]),
    "the order of the second way where only it has an entry": (
        {"a": 1, "z": 3},
        {"a": 1, "b": 2, "z": 3},
        {"a": 1, "b": Choice(ASKED, ABSENT, 2), "z": 3},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_both_have_is_written_once(case: tuple[Node, Node, Node]) -> None:
    then, otherwise, wanted = case
    assert merged(ASKED, then, otherwise) == wanted


def test_a_number_that_the_answer_gives_away_needs_no_choice() -> None:
    assert merged(ANSWERS, {"w": Number(WEIGHT)}, {"w": 0}) == {"w": Number(WEIGHT)}
    assert merged(ANSWERS, text(["w=", WEIGHT]), "w=0") == text(["w=", WEIGHT])
    assert merged(ANSWERS, Number(WEIGHT), 1) == Choice(ANSWERS, Number(WEIGHT), 1)


def test_answers_to_the_same_question_stay_together() -> None:
    inner = Condition(".Values.inner")
    then, otherwise = Choice(inner, {"a": 1, "b": 1}, ABSENT), Choice(inner, {"a": 1}, ABSENT)
    assert merged(ASKED, then, otherwise) == Choice(inner, {"a": 1, "b": only(1)}, ABSENT)
