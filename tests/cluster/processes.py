"""Starts the processes of a cluster, and stops them when the `with` that holds them ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.errors import SetupError
from tests.guarded import Guarded

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
        self._guarded = Guarded(command, output, environ=environ)
        running.callback(self._guarded.stop)

    def until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready.

        Raises:
            SetupError: It ended, or is not ready in time; the text has the end of its log.
        """
        until = time.monotonic() + seconds
        while not is_ready():
            if self._guarded.process.poll() is not None or time.monotonic() > until:
                end = self._log.read_text("utf-8", errors="replace")[-_LOG_END:]
                raise SetupError(f"{self.name} did not become ready; its log ends with:\n{end}")
            time.sleep(0.1)
