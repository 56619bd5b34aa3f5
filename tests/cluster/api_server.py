"""A real kube-apiserver with its etcd on loopback, for as long as a `with` lasts.

Both programs are looked for on PATH and in `HEADRACE_KUBERNETES`, a folder. No nodes, no pods: what
is asked here is what the API server accepts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.errors import SetupError

_TOKEN = "of-this-run"
_START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said.

    Attributes:
        code: The HTTP status.
        body: The object, or a `Status` with a message.
    """

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """Why it was refused."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server."""

    port: int

    def ask(self, method: str, path: str, body: object = None, patch: str = "") -> Answer:
        """Send one request; `patch` is the kind of a PATCH, `merge` or `apply`."""
        kinds = {"merge": "merge-patch+json", "apply": "apply-patch+yaml", "": "json"}
        kind = f"application/{kinds[patch]}"
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {_TOKEN}", "Content-Type": kind},
        )
        # The certificate is one that the server has just made for itself.
        context = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            try:
                return Answer(error.code, json.loads(text))
            except ValueError:
                return Answer(error.code, {"message": text})


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver in a folder.

    Raises:
        SetupError: A program is missing, or does not start.
    """
    etcd, server = _program("etcd"), _program("kube-apiserver")
    client, peer, port = _free_port(), _free_port(), _free_port()
    key = folder / "tokens.key"
    _run("openssl", "genrsa", "-out", str(key), "2048")
    people = folder / "people.csv"
    people.write_text(f"{_TOKEN},tester,tester,system:masters\n", encoding="utf-8")
    store = f"http://127.0.0.1:{client}"
    with contextlib.ExitStack() as running:
        _start(
            running,
            folder / "etcd.log",
            [
                *(etcd, "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
                *("--listen-client-urls", store, "--advertise-client-urls", store),
                *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
            ],
        )
        api = _start(
            running,
            folder / "kube-apiserver.log",
            [
                *(server, f"--etcd-servers={store}", f"--cert-dir={folder / 'certificates'}"),
                *("--bind-address=127.0.0.1", f"--secure-port={port}"),
                *("--authorization-mode=AlwaysAllow", f"--token-auth-file={people}"),
                *("--service-account-issuer=https://tests", f"--service-account-key-file={key}"),
                *(f"--service-account-signing-key-file={key}", "--disable-admission-plugins"),
                "ServiceAccount",
            ],
        )
        found = ApiServer(port)
        _wait(found, api, folder / "kube-apiserver.log")
        yield found


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ.get("HEADRACE_KUBERNETES", ""), os.environ["PATH"]])
    found = shutil.which(name, path=path)
    if found is None:
        raise SetupError(f"There is no {name} on PATH, nor in HEADRACE_KUBERNETES.")
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _start(running: contextlib.ExitStack, log: Path, command: list[str]) -> subprocess.Popen[bytes]:
    output = running.enter_context(log.open("wb"))
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    running.callback(stop)
    return process


def _wait(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            if server.ask("GET", "/api/v1/namespaces/default").code == 200:
                return
        time.sleep(0.2)
    raise SetupError(f"The API server did not start: {log.read_text()[-2000:]}")
