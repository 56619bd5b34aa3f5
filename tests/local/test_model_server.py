"""Real seldon-core-microservice processes that serve real ONNX bundles."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from headrace.serving.bundle import (
    Column,
    Example,
    Output,
    Reference,
    Signature,
    digest,
    write_bundle,
)
from headrace.serving.reference import Categories, Histogram
from headrace.serving.refusal import PREFIX, REFUSED
from headrace.serving.worker import PREFIX as LOST_PREFIX
from headrace.serving.worker import WORKER_LOST

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[2]
SERVING = ROOT / ".venv-serving" / "bin"
DEADLINE = 300.0
"""Seconds that anything may take on a busy machine."""

NAMES = ["distance", "hour", "carrier"]
ROWS: list[list[Any]] = [[0.5, -0.5, "AA"], [-2.0, 0.0, "UA"], [2.0, 1.0, "AA"]]

HANDLER = """
from headrace.serving.server import ModelServer
from headrace.serving.signature import Column

class Flights(ModelServer):
    request_columns = (
        Column("distance", "number"), Column("time", "string"), Column("carrier", "string"),
    )

    def transform(self, columns):
        if "ZZ" in columns["carrier"]:
            raise KeyError("secret payload")
        hours = [float(text[:2]) - 12 for text in columns["time"]]
        return {**columns, "hour": hours}

class Forgetful(ModelServer):
    def load(self):
        super().load()

    def transform(self, columns):
        return self.nothing
"""


@dataclass
class Server:
    """A running process of ours."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log: Path

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request and give status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def predict(self, body: object, request_id: str = "") -> tuple[int, Any]:
        headers = {"Content-Type": "application/json", "x-request-id": request_id}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, answer = self.call("POST", "/api/v1.0/predictions", content, headers)
        return status, json.loads(answer)

    def feedback(self, body: object) -> tuple[int, Any]:
        content = json.dumps(body).encode()
        status, _, answer = self.call("POST", "/api/v1.0/feedback", content)
        return status, json.loads(answer)

    def metrics(self) -> dict[str, float]:
        status, headers, text = self.call("GET", "/metrics", port=self.metrics_port)
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return samples(text.decode())

    def answers(self, after: object = 0) -> tuple[int, Any]:
        path = f"/answers?after={after}"
        status, _, body = self.call("GET", path, port=self.metrics_port)
        return status, json.loads(body)


def samples(text: str) -> dict[str, float]:
    """Read Prometheus' text format; labels are sorted."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})? (\S+)", line).groups()  # type: ignore[union-attr]
            found[name + "{" + ",".join(sorted((labels or "").split(","))) + "}"] = float(value)
    return found


def total(found: Mapping[str, float], name: str, **labels: str) -> float:
    """Sum the samples of a name that carry these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        value
        for key, value in found.items()
        if key.startswith(name + "{") and all(label in key for label in wanted)
    )


def request(rows: Any = ROWS, names: Any = NAMES) -> dict[str, Any]:
    return {"data": {"names": names, "ndarray": rows}}


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a condition while the process runs."""
    end = time.monotonic() + DEADLINE
    while not condition():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            pytest.fail(f"the process ended with {process.returncode}:\n{log.read_text()}")
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE} s:\n{log.read_text()}")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def serving(program: str) -> str:
    path = SERVING / program
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make setup`, which makes the serving environment")
    return str(path)


@contextlib.contextmanager
def run(arguments: list[str], log: Path, environ: Mapping[str, str]) -> Iterator[Any]:
    """Run a process and end it with all of its children."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            arguments,
            stdout=stream,
            stderr=stream,
            cwd=log.parent,
            env={**os.environ, **environ},
        )
    try:
        yield process
    finally:
        family = [process] if process.poll() is not None else everyone(process)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(120)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                member.kill()
        process.wait()


def everyone(process: subprocess.Popen[bytes]) -> list[Any]:
    return [*psutil.Process(process.pid).children(recursive=True), process]


@contextlib.contextmanager
def microservice(
    bundle: Path,
    folder: Path,
    handler: str = "headrace.serving.server.ModelServer",
    ports: list[int] | None = None,
    options: tuple[str, ...] = ("--grpc-workers", "0"),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a model server that may not be ready yet."""
    port, seldon_metrics, metrics = ports or free_ports(3)
    (folder / "flight_handler.py").write_text(HANDLER)
    log = folder / f"{port}.log"
    variables = {
        "HEADRACE_BUNDLE": str(bundle),
        "HEADRACE_ROLLOUT": "flights",
        "HEADRACE_HOST": "127.0.0.1",
        "HEADRACE_METRICS_PORT": str(metrics),
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(port),
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(seldon_metrics),
        "GUNICORN_THREADS": "4",
        **(environ or {}),
    }
    program = serving("seldon-core-microservice")
    arguments = [program, handler, "--service-type", "MODEL", *options]
    with run(arguments, log, variables) as process:
        yield Server(process, port, metrics, log)


def wait_until_ready(server: Server) -> Server:
    def ready() -> bool:
        try:
            return server.call("GET", "/health/ping")[0] == 200
        except OSError:
            return False

    until(ready, server.process, server.log)
    return server


def refusal(server: Server) -> str:
    """Wait for the end and give the line that says why."""
    assert server.process.wait(DEADLINE) == REFUSED, server.log.read_text()
    lines = [each for each in server.log.read_text().splitlines() if each.startswith(PREFIX)]
    assert len(lines) == 1, server.log.read_text()
    return lines[0]


def make_bundle(path: Path, version: str, weight: float) -> Path:
    """Train and package a small model; `weight` is how much the carrier counts."""
    rng = np.random.default_rng(0)
    distance, hour = rng.normal(size=(2, 2000))
    carrier = rng.choice(["AA", "UA", "DL"], 2000)
    late = distance + hour + weight * (carrier == "AA") + rng.normal(size=2000) / 4 > 0.5
    table = np.column_stack([distance.astype(object), hour.astype(object), carrier])
    encoder = ColumnTransformer(
        [("carrier", OneHotEncoder(handle_unknown="ignore"), [2]), ("rest", "passthrough", [0, 1])]
    )
    estimator = make_pipeline(encoder, LogisticRegression()).fit(table, late)
    types = [
        ("distance", FloatTensorType([None, 1])),
        ("hour", FloatTensorType([None, 1])),
        ("carrier", StringTensorType([None, 1])),
    ]
    graph = to_onnx(estimator, initial_types=types, options={"zipmap": False})
    signature = Signature(
        name="flight-delay",
        version=version,
        runtime="onnx",
        file="model.onnx",
        inputs=(
            Column("distance", "number"),
            Column("hour", "number"),
            Column("carrier", "string"),
        ),
        output=Output("late", "probability", 0.5),
    )
    reference = Reference(
        features={
            "distance": Histogram.measure(distance),
            "hour": Histogram.measure(hour),
            "carrier": Categories.measure(carrier.tolist()),
        },
        prediction=Histogram.measure(estimator.predict_proba(table)[:, 1]),
    )
    examples: list[Example] = [
        {"distance": float(row[0]), "hour": float(row[1]), "carrier": str(row[2])}
        for row in table[:20]
    ]
    model = graph.SerializeToString()
    write_bundle(path, signature, model, reference, examples, f"# flight-delay {version}")
    return path


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return make_bundle(folder / "1", "1", 1.0), make_bundle(folder / "2", "2", -4.0)


@pytest.fixture(scope="module")
def server(
    bundles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    registered = digest(bundles[0])
    with microservice(bundles[0], folder, environ={"HEADRACE_DIGEST": registered}) as found:
        yield wait_until_ready(found)


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


def test_requests_predictions_and_features_are_counted(server: Server) -> None:
    before = server.metrics()
    assert server.predict(request())[0] == 200
    assert server.predict(request(rows=[]))[0] == 400
    after = server.metrics()

    def increase(name: str, **labels: str) -> float:
        labels = {"model": "flight-delay", "version": "1", **labels}
        return total(after, name, **labels) - total(before, name, **labels)

    assert increase("headrace_requests_total", code="200") == 1
    assert increase("headrace_requests_total", code="400") == 1
    assert increase("headrace_requests_total", code="500") == 0
    assert increase("headrace_request_seconds_count") == 1
    assert 0 < increase("headrace_request_seconds_sum") < DEADLINE
    assert increase("headrace_request_seconds_bucket", le="+Inf") == 1
    assert increase("headrace_prediction_count") == 3
    assert increase("headrace_prediction_bucket", le="+Inf") == 3
    assert increase("headrace_feature_bucket", feature="distance", le="+Inf") == 3
    assert increase("headrace_feature_bucket", feature="hour", le="+Inf") == 3
    name = "headrace_feature_category_total"
    assert increase(name, feature="carrier", category="AA") == 2
    assert increase(name, feature="carrier", category="UA") == 1
    assert increase(name, feature="carrier", category="other") == 0


def test_the_process_and_what_it_serves_are_on_the_metrics_page(
    server: Server, bundles: tuple[Path, Path]
) -> None:
    found = server.metrics()
    labels = {"digest": digest(bundles[0]), "rollout": "flights", "version": "1"}
    assert total(found, "headrace_model_info", **labels) == 1
    assert found["process_resident_memory_bytes{}"] > 10_000_000


def test_counts_are_exact_with_many_clients(server: Server) -> None:
    before = server.metrics()
    with ThreadPoolExecutor(8) as clients:
        codes = list(clients.map(lambda _: server.predict(request())[0], range(200)))
    assert codes == [200] * 200
    after = server.metrics()
    for name, each in [
        ("headrace_requests_total", 200),
        ("headrace_request_seconds_count", 200),
        ("headrace_prediction_count", 600),
    ]:
        assert total(after, name) - total(before, name) == each


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


def test_rewards_are_counted_with_zeros(server: Server) -> None:
    before = server.metrics()
    assert server.feedback({"reward": 0})[0] == 200
    status, document = server.feedback({"reward": 1, "request": request(), "puid": "x"})
    assert status == 200
    assert document["meta"]["tags"]["version"] == "1"
    after = server.metrics()
    assert (
        total(after, "headrace_reward_count") - total(before, "headrace_reward_count"),
        total(after, "headrace_reward_sum") - total(before, "headrace_reward_sum"),
    ) == (2, 1)
    bucket = "headrace_reward_bucket"
    assert total(after, bucket, le="0.0") - total(before, bucket, le="0.0") == 1


def test_rewards_are_counted_by_the_segment_of_the_request(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    with microservice(bundles[0], tmp_path, environ={"HEADRACE_SEGMENTS": "country"}) as found:
        server = wait_until_ready(found)
        name = "headrace_segment_reward_count"
        assert total(server.metrics(), name, segment="other") == 0
        asked = request() | {"meta": {"tags": {"country": "São Tomé", "device": "phone"}}}
        assert server.predict(asked)[0] == 200
        assert server.feedback({"reward": 0.5, "request": asked})[0] == 200
        assert server.feedback({"reward": 1})[0] == 200
        after = server.metrics()
        assert total(after, name, segment="São Tomé") == total(after, name, segment="other") == 1
        assert total(after, "headrace_segment_reward_sum", segment="São Tomé") == 0.5
        assert total(after, "headrace_reward_count") == 2


@pytest.mark.parametrize("body", [{}, {"reward": "1"}, {"reward": 2}, {"reward": True}, []])
def test_feedback_without_a_reward_is_refused_and_not_counted(server: Server, body: Any) -> None:
    before = server.metrics()
    status, document = server.feedback(body)
    assert status == 400
    assert "reward" in document["status"]["info"]
    name = "headrace_reward_count"
    assert total(server.metrics(), name) == total(before, name)


def test_answers_are_kept_by_request_id(server: Server) -> None:
    start = server.answers(10**9)[1]
    boot = start["boot"]
    last = server.answers()[1]["next"]
    _, one = server.predict(request([ROWS[0]]), "ring-1")
    server.predict(request(), "ring-2")
    server.predict(request())
    server.predict(request(rows=[]), "ring-3")
    status, page = server.answers(last)
    assert status == 200
    assert page["boot"] == boot
    output = {"name": "late", "kind": "probability", "threshold": 0.5, "tolerance": None}
    assert page["output"] == output
    assert page["version"] == "1"
    (_, first_id, first), (sequence, second_id, second) = page["answers"]
    assert (first_id, second_id) == ("ring-1", "ring-2")
    assert [[first]] == one["data"]["ndarray"]
    assert len(second) == 3
    assert page["next"] == sequence
    assert server.answers(sequence)[1]["answers"] == []


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "%C2%B2"])
def test_a_sequence_number_that_is_none_is_refused(server: Server, after: str) -> None:
    status, document = server.answers(after)
    assert status == 400
    assert "expected a sequence number" in document["error"]


def test_an_unknown_page_of_the_metrics_port_is_not_found(server: Server) -> None:
    assert server.call("GET", "/secrets", port=server.metrics_port)[0] == 404


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


def test_a_share_of_no_ids_keeps_no_answers(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    with microservice(bundles[0], tmp_path, environ={"HEADRACE_SAMPLE_SHARE": "0"}) as found:
        server = wait_until_ready(found)
        assert server.predict(request(), "id-1")[0] == 200
        assert server.answers()[1]["answers"] == []


def test_another_digest_is_refused_with_one_line_before_anything_starts(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    wrong = "sha256:" + "0" * 64
    with microservice(bundles[0], tmp_path, environ={"HEADRACE_DIGEST": wrong}) as server:
        line = refusal(server)
        assert line.startswith(f"{PREFIX} DigestMismatch: ")
        assert digest(bundles[0]) in line
        assert wrong in line
        assert server.log.read_text().splitlines()[-1] == line


def copied(source: Path, target: Path, file: str, content: bytes) -> Path:
    target.mkdir()
    for each in source.iterdir():
        (target / each.name).write_bytes(each.read_bytes())
    (target / file).write_bytes(content)
    return target


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_model_that_cannot_be_loaded_ends_the_process_and_all_its_children(
    bundles: tuple[Path, Path], tmp_path: Path, threads: str
) -> None:
    broken = copied(bundles[0], tmp_path / "bundle", "model.onnx", b"junk")
    with microservice(broken, tmp_path, environ={"GUNICORN_THREADS": threads}) as server:
        family: set[psutil.Process] = set()

        def ended() -> bool:
            with contextlib.suppress(psutil.NoSuchProcess):
                family.update(psutil.Process(server.process.pid).children(recursive=True))
            return server.process.poll() is not None

        end = time.monotonic() + DEADLINE
        while not ended():
            assert time.monotonic() < end, server.log.read_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(0.02)
        line = refusal(server)
        assert line.startswith(f"{PREFIX} InvalidBundle: model.onnx cannot be loaded")
        assert family
        assert psutil.wait_procs(family, timeout=120)[1] == []
        assert "Traceback" not in server.log.read_text()


def test_a_server_whose_worker_is_killed_ends_so_that_whoever_started_it_knows(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    as_in_a_pod = ("--grpc-workers", "0", "--log-level", "WARNING")
    with microservice(bundles[0], tmp_path, options=as_in_a_pod) as found:
        server = wait_until_ready(found)
        family = everyone(server.process)
        (worker,) = (each for each in family if listens(each.pid, server.metrics_port))
        worker.kill()
        assert server.process.wait(DEADLINE) == WORKER_LOST, server.log.read_text()
        assert psutil.wait_procs(family[:-1], timeout=120)[1] == []
        assert server.log.read_text().splitlines()[-1].startswith(f"{LOST_PREFIX} its worker")


def listens(pid: int, port: int) -> bool:
    connections = psutil.Process(pid).net_connections("tcp4")
    return any(each.status == "LISTEN" and each.laddr.port == port for each in connections)


def test_an_example_that_cannot_be_answered_refuses_the_bundle(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    broken = copied(bundles[0], tmp_path / "bundle", "examples.jsonl", b'{"distance": 1}\n')
    with microservice(broken, tmp_path) as server:
        assert "cannot answer line 1 of its examples.jsonl" in refusal(server)


def test_an_attribute_error_of_a_handler_is_not_swallowed(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    with microservice(bundles[0], tmp_path, "flight_handler.Forgetful") as server:
        assert "AttributeError" in refusal(server)


def test_a_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with microservice(tmp_path / "none", tmp_path) as server:
        assert refusal(server).startswith(f"{PREFIX} NotFound: There is no bundle at")


@pytest.mark.parametrize(
    ("options", "environ", "problem"),
    [
        (("--grpc-workers", "0"), {"GUNICORN_WORKERS": "2"}, "2 gunicorn workers"),
        (("--grpc-workers", "0", "--workers", "3"), {}, "3 gunicorn workers"),
        ((), {}, "add the option --grpc-workers 0"),
        (("--grpc-workers", "0"), {"GUNICORN_MAX_REQUESTS": "9"}, "GUNICORN_MAX_REQUESTS=0"),
        (("--grpc-workers", "0"), {"HEADRACE_BUNDLE": ""}, "HEADRACE_BUNDLE is not set"),
        (("--grpc-workers", "0"), {"HEADRACE_METRICS_PORT": "x"}, "HEADRACE_METRICS_PORT is 'x'"),
    ],
    ids=[
        "two workers",
        "three workers by option",
        "gRPC",
        "a worker for 9 requests",
        "no bundle",
        "no port",
    ],
)
def test_a_set_up_that_would_count_wrongly_is_refused(
    bundles: tuple[Path, Path],
    tmp_path: Path,
    options: tuple[str, ...],
    environ: dict[str, str],
    problem: str,
) -> None:
    with microservice(bundles[0], tmp_path, options=options, environ=environ) as server:
        line = refusal(server)
        assert line.startswith(f"{PREFIX} InvalidInput: ")
        assert problem in line


def test_a_metrics_port_that_is_taken_is_refused(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with microservice(bundles[0], tmp_path, environ={"HEADRACE_METRICS_PORT": port}) as server:
            line = refusal(server)
            assert line.startswith(f"{PREFIX} SetupError: ")
            assert f"127.0.0.1:{port}" in line


def test_a_signal_to_end_ends_the_server_and_all_its_children(
    bundles: tuple[Path, Path], tmp_path: Path
) -> None:
    as_in_a_pod = ("--grpc-workers", "0", "--log-level", "WARNING")
    with microservice(bundles[0], tmp_path, options=as_in_a_pod) as found:
        server = wait_until_ready(found)
        family = everyone(server.process)[:-1]
        assert family
        server.process.terminate()
        assert server.process.wait(120) == 0
        assert psutil.wait_procs(family, timeout=120)[1] == []


@contextlib.contextmanager
def comparator(folder: Path, stable: str, candidate: str) -> Iterator[Server]:
    (port,) = free_ports(1)
    log = folder / "comparator.log"
    arguments = [
        *(serving("python"), "-m", "headrace.serving.comparator"),
        *("--stable", stable, "--candidate", candidate),
        *("--port", str(port), "--model", "flight-delay", "--interval", "0.1"),
        *("--stable-version", "1", "--candidate-version", "2"),
    ]
    with run(arguments, log, {}) as process:
        server = Server(process, port, port, log)

        def ready() -> bool:
            with contextlib.suppress(OSError):
                return bool(server.metrics())
            return False

        until(ready, process, log)
        yield server


def test_the_comparator_counts_what_two_servers_answered_across_a_restart(
    bundles: tuple[Path, Path], server: Server, tmp_path: Path
) -> None:
    rows = [[distance / 4, 0.5, carrier] for distance in range(-8, 8) for carrier in ("AA", "UA")]
    ports = free_ports(3)
    stable_url = f"http://127.0.0.1:{server.metrics_port}"
    candidate_url = f"http://127.0.0.1:{ports[2]}"
    with comparator(tmp_path, stable_url, candidate_url) as found:

        def counted(name: str, **labels: str) -> float:
            labels |= {"model": "flight-delay", "version": "2", "stable_version": "1"}
            return total(found.metrics(), f"headrace_shadow_{name}", **labels)

        def pairs() -> float:
            return counted("agreements_total") + counted("disagreements_total")

        def wait_for(condition: Callable[[], bool]) -> None:
            until(condition, found.process, found.log)

        wait_for(lambda: counted("ring_errors_total", arm="candidate") > 0)
        alike = 0
        for round_ in range(2):
            with microservice(bundles[1], tmp_path, ports=ports) as started:
                candidate = wait_until_ready(started)
                for number, row in enumerate(rows):
                    request_id = f"pair-{round_}-{number}"
                    _, one = server.predict(request([row]), request_id)
                    _, two = candidate.predict(request([row]), request_id)
                    candidate.predict(request([row]), request_id)  # a retry counts once
                    ((first,),), ((second,),) = one["data"]["ndarray"], two["data"]["ndarray"]
                    alike += (first > 0.5) == (second > 0.5)
                expected = len(rows) * (round_ + 1)
                wait_for(lambda expected=expected: pairs() >= expected)  # type: ignore[misc]
                assert pairs() == expected
                assert counted("agreements_total") == alike
                assert 0 < alike < expected
                assert counted("difference_count") == expected
                errors = counted("ring_errors_total", arm="candidate")
            wait_for(lambda errors=errors: counted("ring_errors_total", arm="candidate") > errors)  # type: ignore[misc]
        assert counted("ring_errors_total", arm="stable") == 0
        assert counted("unmatched_total", arm="candidate") == 0
        found.process.terminate()
        assert found.process.wait(120) == 0


def test_a_comparator_without_an_address_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "comparator.log"
    arguments = [
        *(serving("python"), "-m", "headrace.serving.comparator"),
        *("--stable", "127.0.0.1:80", "--candidate", "http://127.0.0.1:81", "--port", "0"),
        *("--model", "m", "--stable-version", "1", "--candidate-version", "2"),
    ]
    with run(arguments, log, {}) as process:
        assert process.wait(DEADLINE) == REFUSED
    assert "'127.0.0.1:80' is no address of a ring; expected http://host:port" in log.read_text()
