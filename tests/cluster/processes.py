"""Starts the processes of a cluster, and stops them when the `with` that holds them ends."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError

_STOP_SECONDS = 20.0
_LOG_END = 2000


class Process:
    """One process, whose output goes to a log."""

    def __init__(
        self,
        running: ExitStack,
        log: Path,
        command: Sequence[str],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = Path(command[0]).name
        self._log = log
        output = running.enter_context(log.open("wb"))
        self._process = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        running.callback(self._stop)

    def until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready.

        Raises:
            SetupError: It ended, or is not ready in time; the text has the end of its log.
        """
        until = time.monotonic() + seconds
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                end = self._log.read_text("utf-8", errors="replace")[-_LOG_END:]
                raise SetupError(f"{self.name} did not become ready; its log ends with:\n{end}")
            time.sleep(0.1)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
