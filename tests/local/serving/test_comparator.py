"""The comparator, between two real model servers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.serving.refusal import REFUSED
from tests.local.serving.model_server import (
    DEADLINE,
    Server,
    free_ports,
    microservice,
    request,
    run,
    serving,
    total,
    until,
    wait_until_ready,
)

pytestmark = pytest.mark.local


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
