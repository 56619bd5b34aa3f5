"""`headrace lint --online` against real servers and files: what can be read, and what cannot."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.lint import reaching


class Bundles(http.server.BaseHTTPRequestHandler):
    """A bundle at `/good`, nothing at `/gone`, a refusal at `/closed`, and silence at `/silent`."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith("/silent"):
            time.sleep(3)
        codes = {"/good/model.json": 200, "/closed/model.json": 403}
        self.send_response(codes.get(self.path, 404))
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(OSError):
                self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bundles)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def lint(folder: Path, uri: str) -> Result:
    file = str(folder / "rollout.yaml")
    run = CliRunner()
    assert run.invoke(cli, ["init", "--uri", uri, "-o", file]).exit_code == 0
    return run.invoke(cli, ["lint", "--online", file])


def test_a_bundle_that_can_be_read_is_no_finding(url: str, tmp_path: Path) -> None:
    said = lint(tmp_path, f"{url}/good")
    assert (said.exit_code, "HR020" in said.output) == (0, False)


@pytest.mark.parametrize("where", ["gone", "closed"])
def test_a_bundle_that_cannot_be_read_is_a_finding(url: str, where: str, tmp_path: Path) -> None:
    said = lint(tmp_path, f"{url}/{where}")
    assert said.exit_code == 1
    assert "error HR020 spec.model.uri" in said.output


def test_a_server_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = lint(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}/a")
    assert said.exit_code == 1
    assert "error HR020 spec.model.uri" in said.output


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_a_while(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "_TIMEOUT_SECONDS", 0.5)
    said = lint(tmp_path, f"{url}/silent")
    assert said.exit_code == 1
    assert "did not answer in 0.5 s" in said.output


def test_a_claim_is_read_by_pods_only_and_is_no_finding(tmp_path: Path) -> None:
    said = lint(tmp_path, "pvc://models/a/7")
    assert said.exit_code == 0, said.output
