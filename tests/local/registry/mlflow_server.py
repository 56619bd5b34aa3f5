"""A real MLflow server on loopback, which can go away and come back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from headrace.runtime.local.ports import Ports

_START_SECONDS = 300.0


class MlflowProcess:
    """One server at one address; what it knows is in a file."""

    def __init__(self, database: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = database.with_suffix(".log")
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", "--no-serve-artifacts"),
            *("--backend-store-uri", f"sqlite:///{database}"),
            *("--default-artifact-root", str(database.parent / "artifacts")),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        # Its runner of jobs, which nobody here uses, is eight more processes.
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with self.log.open("ab") as log:
            # In a group of its own: its workers must end with it.
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | quiet,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < until, self.log.read_text("utf-8")
            assert self._process.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it, with its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, 15)
            self._process.wait(60)
            self._process = None

    def moves(self) -> int:
        """Count the aliases that were moved, by the log of all requests."""
        return self.log.read_text("utf-8").count('"POST /api/2.0/mlflow/registered-models/alias')

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False


@contextmanager
def mlflow_process(database: Path) -> Iterator[MlflowProcess]:
    """Have a server that is not started yet; at the end there is none.

    Args:
        database: SQLite's; made where it is missing, in the server's first seconds.
    """
    ports = Ports()
    port = ports.reserve()
    ports.close()
    process = MlflowProcess(database, port)
    try:
        yield process
    finally:
        process.stop()
