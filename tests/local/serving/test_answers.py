"""What a model server answers, and what it refuses to answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.local.serving.model_server import (
    NAMES,
    Server,
    microservice,
    request,
    total,
    wait_until_ready,
)

pytestmark = pytest.mark.local


def test_predictions_carry_the_version_in_tag_and_header(server: Server) -> None:
    status, headers, body = server.call(
        "POST", "/api/v1.0/predictions", json.dumps(request()).encode()
    )
    assert status == 200
    assert headers["x-headrace-version"] == "1"
    assert headers["x-headrace-model"] == "flight-delay"
    document = json.loads(body)
    assert document["meta"] == {"tags": {"model": "flight-delay", "version": "1"}}
    assert document["data"]["names"] == ["late"]
    ((first,), (second,), (third,)) = document["data"]["ndarray"]
    assert 0 <= second < 0.1 < first < third <= 1


def test_the_path_that_seldons_orchestrator_calls_answers_too(server: Server) -> None:
    before = server.metrics()
    status, _, body = server.call("POST", "/predict", json.dumps(request()).encode())
    assert status == 200
    assert json.loads(body)["meta"]["tags"]["version"] == "1"
    after = server.metrics()
    name = "headrace_requests_total"
    assert total(after, name, code="200") == total(before, name, code="200") + 1


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (request([[1, "AA"]], ["distance", "carrier"]), 400, "lacks the columns hour"),
        (request([[1, 2, "AA", 3]], [*NAMES, "x"]), 400, "has the unknown columns 'x'"),
        (request([[1, 2, 3, 4]], [*NAMES, "hour"]), 400, "has the column 'hour' twice"),
        (request([["far", 1, "AA"]]), 400, "column distance, row 0: is 'far'"),
        (request([[True, 1, "AA"]]), 400, "column distance, row 0: is true"),
        (request([[10**300, 1, "AA"]]), 400, "integer of more than 64 bits"),
        (request([[1, 1, 5]]), 400, "column carrier, row 0: is 5"),
        (request([[1, 1, None]]), 400, "column carrier, row 0: is null"),
        (request([[1, 1, "\ud800"]]), 400, "column carrier, row 0"),
        (request([[1, 1, "AA"], [1]]), 400, "data.ndarray[1]: is a list of 1"),
        (request([[1, 1, "AA"]] * 1001), 400, "has 1001 rows"),
        (b'{"data": {"names": ["distance"], "ndarray": [[NaN]]}}', 400, "lacks the columns"),
        (json.dumps(request([[float("nan"), 1, "AA"]])).encode(), 400, "row 0: is nan"),
        (b"", 400, "no JSON"),
        (b"{", 400, "no JSON"),
        (b"\x00\xff", 400, "no JSON"),
        (b"[" * 1_000_000, 400, "nested too deep"),
        (b'{"data": ' * 200_000, 400, "nested too deep"),
        (b"9" * 1_000_000, 400, "no JSON"),
        (b" " * 10_000_000, 413, "larger than 4194304 bytes"),
    ],
    ids=[
        "a column missing",
        "an unknown column",
        "a column twice",
        "a text for a number",
        "a boolean for a number",
        "a huge integer",
        "a number for a text",
        "null for a text",
        "half of a surrogate pair",
        "rows of different lengths",
        "too many rows",
        "a lone NaN",
        "NaN for a number",
        "an empty body",
        "half an object",
        "bytes that are no text",
        "a million open lists",
        "open objects",
        "a number of a million digits",
        "ten megabytes",
    ],
)
def test_hostile_requests_are_refused_with_a_sentence_and_counted(
    server: Server, body: object, status: int, problem: str
) -> None:
    before = server.metrics()
    found, document = server.predict(body)
    assert found == status
    assert problem in document["status"]["info"]
    assert document["status"]["code"] == status
    assert len(document["status"]["info"]) < 2000
    assert document["meta"]["tags"]["version"] == "1"
    after = server.metrics()
    name = "headrace_requests_total"
    assert total(after, name, code=str(status)) == total(before, name, code=str(status)) + 1
    assert total(after, "headrace_prediction_count") == total(before, "headrace_prediction_count")
    assert server.predict(request())[0] == 200


@pytest.mark.parametrize(
    ("chunks", "status"),
    [([json.dumps(request()).encode()], 200), ([b" " * 100_000] * 60, 413)],
    ids=["a small one", "six megabytes"],
)
def test_a_body_of_unknown_length_is_read_up_to_the_limit(
    server: Server, chunks: list[bytes], status: int
) -> None:
    # http.client sends a body without a length in chunks.
    assert server.call("POST", "/api/v1.0/predictions", iter(chunks))[0] == status


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_the_content_type_does_not_matter(server: Server, kind: str) -> None:
    body = json.dumps(request()).encode()
    assert server.call("POST", "/api/v1.0/predictions", body, {"Content-Type": kind})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/ping", 200),
        ("GET", "/wp-login.php", 404),
        ("PUT", "/api/v1.0/predictions", 405),
    ],
    ids=["the health check", "an unknown path", "a wrong method"],
)
def test_other_paths_do_not_look_like_a_broken_model(
    server: Server, method: str, path: str, status: int
) -> None:
    before = server.metrics()
    assert server.call(method, path)[0] == status
    name = "headrace_requests_total"
    assert total(server.metrics(), name) == total(before, name)


def test_a_handler_transforms_and_its_failures_are_500_without_the_payload(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    names = ["distance", "time", "carrier"]
    path = tmp_path / "bundle"
    # The examples of a bundle are requests, so a handler's bundle has the handler's columns.
    source = bundles[0]
    path.mkdir()
    for file in source.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    (path / "examples.jsonl").write_text('{"distance": 1, "time": "12:30", "carrier": "AA"}\n')
    with microservice(
        path, tmp_path, "flight_handler.Flights", environ={"GUNICORN_THREADS": "1"}
    ) as found:
        server = wait_until_ready(found)
        good = request([[0.5, "13:05", "AA"]], names)
        assert server.predict(good)[0] == 200
        status, document = server.predict(request([[0.5, "13:05", "ZZ"]], names), "id-7")
        assert status == 500
        assert document["status"]["reason"] == "ModelFailed"
        assert "KeyError" in document["status"]["info"]
        assert document["meta"]["tags"]["version"] == "1"
        assert server.predict(request([[0.5, "noon", "AA"]], names))[0] == 500
        assert server.predict(request())[0] == 400
        assert server.predict(good)[0] == 200
        metrics = server.metrics()
        counts = [
            total(metrics, "headrace_requests_total", code=code) for code in ("200", "400", "500")
        ]
        assert counts == [2, 1, 2]
        log = server.log.read_text()
        assert "request 'id-7' failed: KeyError at flight_handler.py:" in log
        assert "secret payload" not in log + json.dumps(document)
