"""Processes that tests start: they end with the tests, however those end.

`kill -9` of pytest leaves nobody who could end them, so the guard of local rollouts does it: a
process that knows them, and watches a pipe whose other end only we have.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from headrace.runtime.local.guard import signal_group
from headrace.runtime.local.guardian import Guardian

STOP_SECONDS = 20.0


class Guarded:
    """A process, and all that it starts.

    Attributes:
        process: Itself; the first of a session of its own.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: IO[bytes] | int,
        *,
        environ: Mapping[str, str] = os.environ,
        folder: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            output: Where what it says goes, such as an open file.
            environ: Its environment.
            folder: Its working directory; None for ours.
        """
        self.process = subprocess.Popen(
            command,
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _guardian().add(self.process.pid)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and end it and all that it has started if it takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()
        _guardian().discard(self.process.pid)


@functools.cache
def _guardian() -> Guardian:
    guardian = Guardian(Path(os.devnull))
    guardian.start()
    atexit.register(guardian.close)
    return guardian
