"""A model server starts with what it can serve or says why not, and ends with all its children."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from headrace.serving.bundle import digest
from headrace.serving.refusal import PREFIX
from headrace.serving.worker import PREFIX as LOST_PREFIX
from headrace.serving.worker import WORKER_LOST
from tests.local.serving.model_server import (
    DEADLINE,
    everyone,
    microservice,
    refusal,
    wait_until_ready,
)

pytestmark = pytest.mark.local


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
