"""One child process: started in a session of its own, with a log, and ended with all its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.errors import PlatformUnavailable
from headrace.runtime.local.guard import signal_group


@dataclass(frozen=True, slots=True)
class Command:
    """How a process is started.

    Attributes:
        arguments: The program's path and its arguments; never through a shell.
        log: Where its standard output and error go, appended.
        environment: All of its environment.
        directory: Where it runs.
    """

    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")


class Child:
    """A running process. `start` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, offset: int) -> None:
        self._process = process
        self._log = log
        self._offset = offset

    @classmethod
    def start(cls, command: Command) -> Child:
        """Start a process as the leader of its own session and process group.

        Raises:
            PlatformUnavailable: The system does not start it, or the log cannot be written.
        """
        try:
            with command.log.open("ab") as log:
                offset = log.tell()
                process = subprocess.Popen(
                    command.arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(command.environment),
                    cwd=command.directory,
                    start_new_session=True,
                )
        except OSError as error:
            program = Path(command.arguments[0]).name
            raise PlatformUnavailable(
                f"{program} cannot be started: {error.strerror} ({error.filename or command.log})."
            ) from error
        return cls(process, command.log, offset)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal; None while it runs.

        When the leader is dead, so is the rest of its group after this call: a worker that
        outlived its master would keep the port.
        """
        if self._process.returncode is None and self._process.poll() is not None:
            signal_group(self.pid, signal.SIGKILL)
        return self._process.returncode

    def terminate(self) -> None:
        """Ask the whole group to end."""
        if self.poll() is None:
            signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group."""
        if self.poll() is None:
            signal_group(self.pid, signal.SIGKILL)

    def stop(self, grace: float) -> None:
        """Ask the group to end, end it after `grace` seconds, and wait until it is gone."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()
        self._process.wait()
        self.poll()

    def output(self, limit: int = 65536) -> str:
        """Give the last `limit` bytes of what this process has written to its log."""
        try:
            with self._log.open("rb") as log:
                log.seek(0, 2)
                log.seek(max(self._offset, log.tell() - limit))
                return log.read(limit).decode(errors="replace")
        except OSError:
            return ""  # the log is for people; without it the process is as dead as with it
