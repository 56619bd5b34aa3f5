"""The process that sends requests, against a real HTTP server."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headrace.errors import PlatformUnavailable
from headrace.load.process import Traffic

pytestmark = pytest.mark.local


class Arm:
    """Answers every request and remembers them in order."""

    def __init__(self) -> None:
        self.hours: list[float] = []
        arm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if "data" in body:
                    arm.hours.append(body["data"]["ndarray"][0][0])
                answer = json.dumps({"data": {"ndarray": [[0.9]]}}).encode()
                self.send_response(200)
                self.send_header("x-headrace-version", "7")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def has(self, count: int) -> bool:
        """Wait until so many requests have come."""
        deadline = time.monotonic() + 300
        while len(self.hours) < count and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        return len(self.hours) >= count


@pytest.fixture
def arm() -> Iterator[Arm]:
    one = Arm()
    one.thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    one.thread.join()


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    lines = [json.dumps({"request": {"hour": h}, "label": 1}) for h in range(1000)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def pid_of(traffic: Traffic) -> int:
    """Find the sender's process."""
    process = traffic._process
    assert process is not None
    return process.pid


def gone(traffic: Traffic) -> None:
    """Wait until the sender has ended."""
    assert traffic._process is not None
    traffic._process.wait(120)


def test_requests_are_sent_in_order_and_counted_by_who_answered(
    arm: Arm, requests: Path, tmp_path: Path
) -> None:
    with Traffic(arm.url, 200, tmp_path / "ledger.json", feedback=0.5) as traffic:
        traffic.send(requests)
        assert traffic.revive() == ""
        assert arm.has(50)
    counts = traffic.counts
    # They go out in order; two that are open at once may come in the other way round.
    assert sorted(arm.hours) == list(range(len(arm.hours)))
    assert counts.answered["7"] == counts.sent == len(arm.hours)
    assert not counts.failed
    assert counts.rewarded["7"] == counts.right["7"] == counts.sent // 2


def test_a_sender_that_is_killed_goes_on_where_it_was_and_is_told_of(
    arm: Arm, requests: Path, tmp_path: Path
) -> None:
    with Traffic(arm.url, 200, tmp_path / "ledger.json") as traffic:
        traffic.send(requests)
        assert arm.has(300)  # its counts are written about once a second
        os.kill(pid_of(traffic), signal.SIGKILL)
        gone(traffic)
        before = len(arm.hours)
        assert traffic.revive() == "ended by itself with code -9, restarted"
        assert arm.has(before + 20)
    assert 100 < min(arm.hours[before:]) <= before


def test_a_sender_that_cannot_start_is_not_started_for_ever(arm: Arm, tmp_path: Path) -> None:
    with Traffic(arm.url, 200, tmp_path / "ledger.json") as traffic:
        traffic.send(tmp_path / "nothing.jsonl")
        for _ in range(2):
            gone(traffic)
            assert "restarted" in traffic.revive()
        gone(traffic)
        with pytest.raises(PlatformUnavailable, match="cannot be kept running"):
            traffic.revive()
