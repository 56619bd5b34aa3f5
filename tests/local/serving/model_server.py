"""Real seldon-core-microservice processes, for tests of what they answer."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.serving.refusal import PREFIX, REFUSED

SERVING = Path(__file__).parents[3] / ".venv-serving" / "bin"
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
