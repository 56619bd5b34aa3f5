"""A controller as a process of its own, as its image starts it in a pod."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import requests

from bench.controller.rollouts import NAMESPACE
from tests.cluster.api_server import ApiServer

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_COUNTED = re.compile(r"headrace_api_requests_total\{(.*?)\} ([0-9.e+]+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Home:
    """What all controllers share.

    Attributes:
        server: The API server.
        prometheus: Its address.
        folder: For accounts and logs.
    """

    server: ApiServer
    prometheus: str
    folder: Path

    def account(self) -> Path:
        """Write what a pod finds of its account."""
        folder = self.folder / "account"
        folder.mkdir(exist_ok=True)
        session = self.server.session
        token = str(session.headers["Authorization"]).removeprefix("Bearer ")
        (folder / "token").write_text(token, encoding="ascii")
        (folder / "ca.crt").write_bytes(Path(str(session.verify)).read_bytes())
        return folder


class Replica:
    """One controller."""

    def __init__(self, home: Home, identity: str) -> None:
        """Start it."""
        self._log = home.folder / f"{identity}.log"
        self._port = _free_port()
        address = urlsplit(home.server.url)
        inside = {
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
            "HEADRACE_SERVICE_ACCOUNT": str(home.account()),
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "headrace.cli.main", "controller"),
                    *("--identity", identity, "--lease-namespace", NAMESPACE),
                    *("--prometheus", home.prometheus, "--namespaces", NAMESPACE),
                    *("--host", "127.0.0.1", "--port", str(self._port), "--log-level", "warning"),
                ],
                stderr=log,
                env={**os.environ, **inside},
            )

    def is_ready(self) -> bool:
        """Say whether it has seen everything."""
        with suppress(requests.RequestException):
            return requests.get(f"{self._url}/readyz", timeout=10).ok
        return False

    def seconds(self) -> float:
        """Give the processor seconds that it took."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self) -> float:
        """Give its resident memory."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * _PAGE / 1e6

    def asked(self) -> Counter[str]:
        """Give the requests to the API server so far, watches aside: `verb resource`."""
        page = requests.get(f"{self._url}/metrics", timeout=30).text
        found: Counter[str] = Counter()
        for labels, number in _COUNTED.findall(page):
            label = dict(_LABEL.findall(labels))
            if label["verb"] != "watch":
                found[f"{label['verb']} {label['resource']} {label['code']}"] += int(float(number))
        return found

    def kill(self) -> None:
        """End it as a machine that dies does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        """Give the end of its log."""
        return self._log.read_text("utf-8", errors="replace")[-2000:]

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"


def _free_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port
