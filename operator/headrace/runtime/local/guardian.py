"""Our side of the guard: starts it, tells it what to end, and replaces it when it dies."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from headrace.errors import PlatformUnavailable
from headrace.runtime.local import guard


class Guardian:
    """Keeps one guard process alive that knows our process groups.

    Args:
        log: Where the guard's errors go, if it ever has any.
    """

    def __init__(self, log: Path) -> None:
        self.restarts = 0
        self._log = log
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The guard's process id; None before the start and after the end."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the guard and tell it the groups that it must know.

        Raises:
            PlatformUnavailable: The system does not start it.
        """
        # By its path, isolated and without site: it needs no package and is there in 20 ms.
        command = [sys.executable, "-I", "-S", guard.__file__]
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    bufsize=0,
                )
        except OSError as error:
            raise PlatformUnavailable(f"The guard process cannot be started: {error}.") from error
        for group in self._groups:
            self._tell(b"+%d\n" % group)

    def add(self, group: int) -> None:
        """Have a process group ended when we are gone."""
        self._groups.add(group)
        self._tell(b"+%d\n" % group)

    def discard(self, group: int) -> None:
        """Forget a process group that is ended."""
        self._groups.discard(group)
        self._tell(b"-%d\n" % group)

    def poll(self) -> None:
        """Start the guard again if something ended it."""
        if self._process is not None and self._process.poll() is not None:
            self._close_pipe(self._process)
            self.restarts += 1
            self.start()

    def close(self) -> None:
        """Let the guard end, and with it all groups that it still knows. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        self._close_pipe(process)
        try:
            process.wait(guard.GRACE + 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tell(self, line: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # A broken pipe: it was killed, and `poll` starts another one and tells it everything.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)

    @staticmethod
    def _close_pipe(process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            process.stdin.close()
