"""Servers that answer wrongly, each in its own way, are found out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from headrace.delivery.serving_test.client import body_of
from headrace.delivery.serving_test.contract import (
    Expected,
    bad_requests,
    findings,
    refusals,
)
from headrace.errors import PlatformUnavailable
from headrace.serving.signature import Column, Output, OutputKind, Signature

COLUMNS: dict[str, list[Any]] = {"a": [float(i) for i in range(250)], "b": ["x", "y"] * 125}
TYPES = {"a": "number", "b": "string"}


def signature(kind: OutputKind = "number") -> Signature:
    return Signature(
        "flights",
        "1",
        "onnx",
        "model.onnx",
        (Column("a", "number"), Column("b", "string")),
        Output("late", kind, threshold=0.5 if kind == "probability" else None),
    )


def right(document: Any) -> tuple[int, Any]:
    """Answer as a model server does: with the number `a`."""
    data = document.get("data") if isinstance(document, dict) else None
    names: Any = (data or {}).get("names")
    rows: Any = (data or {}).get("ndarray")
    is_right = isinstance(names, list) and set(names) == {"a", "b"} and bool(rows)
    numbers = [dict(zip(names, row, strict=False))["a"] for row in rows] if is_right else []
    known = all(type(each) in (int, float) and -1e38 < each < 1e38 for each in numbers)
    if not is_right or not known or len(numbers) > 1000:
        return 400, {"status": {"info": "not so"}}
    return 200, {
        "data": {"names": ["late"], "ndarray": [[each] for each in numbers]},
        "meta": {"tags": {"model": "flights", "version": "1"}},
    }


@contextmanager
def server(answer: Callable[[Any], tuple[int, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                document = json.loads(body)
            except (ValueError, RecursionError):
                document = None
            code, said = answer(document)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()


def changed(**changes: Any) -> Callable[[Any], tuple[int, Any]]:
    def answer(document: Any) -> tuple[int, Any]:
        code, said = right(document)
        return code, {**said, **changes} if code == 200 else said

    return answer


def numbers(change: Callable[[list[Any]], Any]) -> Callable[[Any], tuple[int, Any]]:
    def answer(document: Any) -> tuple[int, Any]:
        code, said = right(document)
        if code == 200:
            said["data"]["ndarray"] = change(said["data"]["ndarray"])
        return code, said

    return answer


EXPECTED = Expected(COLUMNS, np.array(COLUMNS["a"]), 1e-4)


def failed(answer: Callable[[Any], tuple[int, Any]]) -> set[str]:
    with server(answer) as url:
        found = findings(url, signature(), EXPECTED)
    return {each.name for each in found if not each.passed}


def test_a_server_that_keeps_the_protocol_fails_nothing() -> None:
    assert failed(right) == set()


ALL = {"a row alone", "all rows", "the same answers as offline"}


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        pytest.param(
            numbers(lambda rows: [[each[0] + 1] for each in rows]),
            {"the same answers as offline"},
            id="another answer",
        ),
        pytest.param(
            numbers(lambda rows: rows[::-1]), {"the same answers as offline"}, id="another order"
        ),
        pytest.param(numbers(lambda rows: rows[:-1]), ALL, id="a row too few"),
        pytest.param(numbers(lambda rows: [each[0] for each in rows]), ALL, id="no table"),
        pytest.param(numbers(lambda rows: [["7"] for _ in rows]), ALL, id="texts for numbers"),
        pytest.param(numbers(lambda rows: [[None] for _ in rows]), ALL, id="null"),
        pytest.param(
            numbers(lambda rows: [[float("nan")] for _ in rows]),
            ALL,
            id="NaN",
        ),
        pytest.param(changed(meta={}), {"the answer names its version"}, id="no version"),
        pytest.param(
            changed(data={"names": ["x"], "ndarray": [[0.0]]}),
            {"a row alone", "all rows", "the same answers as offline"},
            id="another name",
        ),
        pytest.param(
            lambda document: (500, b"<html>"),
            {*ALL, "columns in another order", "the answer names its version"},
            id="no answer at all",
        ),
    ],
)
def test_a_server_that_does_not_is_found_out(
    answer: Callable[[Any], tuple[int, Any]], names: set[str]
) -> None:
    assert failed(answer) == names


def test_a_server_that_refuses_what_it_must_and_goes_on() -> None:
    with server(right) as url:
        found = refusals(url, bad_requests(COLUMNS, TYPES), body_of({"a": [1.0], "b": ["x"]}))
    assert [each.name for each in found if not each.passed] == []
    assert len(found) == 14


def test_a_server_that_takes_anything_is_found_out() -> None:
    with server(lambda _: (200, {})) as url:
        found = refusals(url, bad_requests(COLUMNS, TYPES), body_of({"a": [1.0], "b": ["x"]}))
    assert sum(not each.passed for each in found) == 13


@pytest.mark.parametrize(
    ("kind", "given", "wanted", "passed"),
    [
        pytest.param("label", "late", "late", True, id="the same label"),
        pytest.param("label", "late", "early", False, id="another label"),
        pytest.param("label", 7, "7", False, id="a number for a label"),
        pytest.param("probability", 0.5, 0.50001, True, id="a probability within"),
        pytest.param("probability", 0.5, 0.51, False, id="a probability beyond"),
        pytest.param("probability", 1.5, 1.5, False, id="no probability"),
        pytest.param("number", 1e6, 1e6, True, id="a large number"),
        pytest.param("number", True, 1.0, False, id="true for a number"),
    ],
)
def test_answers_of_every_kind(kind: OutputKind, given: Any, wanted: Any, passed: bool) -> None:
    answer = numbers(lambda rows: [[given] for _ in rows])
    with server(answer) as url:
        expected = Expected({"a": [1.0], "b": ["x"]}, np.array([wanted]), 1e-4)
        found = findings(url, signature(kind), expected)
    (parity,) = (each for each in found if each.name == "the same answers as offline")
    assert parity.passed is passed


def test_a_server_that_is_gone_is_told() -> None:
    with server(right) as url:
        pass
    with pytest.raises(PlatformUnavailable, match="does not answer"):
        findings(url, signature(), EXPECTED)
