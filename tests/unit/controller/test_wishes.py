"""Requests of people as text, which anybody may have written."""

from __future__ import annotations

import json

import pytest

from headrace.controller.wishes import ask_in, text_of
from headrace.engine.observations import Ask, Wish


def test_a_request_is_read_as_it_was_written() -> None:
    ask = ask_in(text_of(Wish.PROMOTE_FULL, "Zoë as admin"))
    assert ask is not None
    assert (ask.wish, ask.by) == (Wish.PROMOTE_FULL, "Zoë as admin")


def written(**fields: object) -> str:
    return json.dumps({"wish": "abort", "identity": "1", "by": "ada"} | fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "abort",
        '["abort"]',
        "{}",
        "[" * 100_000,
        '{"wish": ' + "9" * 5_000 + "}",
        written(wish="explode"),
        written(wish=["abort"]),
        written(identity="\ud800"),
        written(identity="1" * 1_000),
    ],
    ids=[
        "nothing",
        "null",
        "no JSON",
        "a list",
        "without fields",
        "nested too deeply",
        "a number with too many digits",
        "a wish that nobody knows",
        "a list of wishes",
        "an identity that no API server keeps as it is",
        "an identity without end",
    ],
)
def test_what_is_no_request_is_none(text: str) -> None:
    assert ask_in(text) is None


def test_a_name_goes_into_the_status_so_that_the_status_can_be_written() -> None:
    assert ask_in(written(by="a\ud800\x1b[2Jb")) == Ask(Wish.ABORT, "1", "a??[2Jb")
    long = ask_in(written(by="a" * 100_000))
    assert long is not None
    assert len(long.by) == 200
