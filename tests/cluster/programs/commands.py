"""Runs commands that take minutes: their output in a log, a line now and then for who waits."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from headrace.errors import SetupError

Say = Callable[[str], None]

_SILENCE = 20.0
_LINES = 15


def clock() -> Say:
    """Give what prints a line with the seconds since now before it, as `make setup` does."""
    began = time.monotonic()
    return lambda line: print(f"{time.monotonic() - began:4.0f}s  {line}", flush=True)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait for who is at the same, as CI is beside its first stages, and let nobody in meanwhile.

    Args:
        lock: A file that is made where it is missing; its folder is there.
    """
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(
    command: Sequence[str],
    log: Path,
    say: Say,
    environ: Mapping[str, str] = os.environ,
    patience: float = 3600.0,
) -> None:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        log: Where its output goes; what is there is replaced.
        say: Is told the log's last line every 20 seconds.
        environ: Its environment.
        patience: Seconds that it may take.

    Raises:
        SetupError: It cannot be started, fails, or takes too long; the text has its last lines.
    """
    name = Path(command[0]).name
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be started: {error.strerror}.") from error
    deadline = time.monotonic() + patience
    try:
        while process.poll() is None:
            try:
                process.wait(_SILENCE)
            except subprocess.TimeoutExpired:
                say(f"  still at it: {_last(log, 1)[:90]}")
            if time.monotonic() > deadline:
                raise SetupError(f"{name} took longer than {patience:g} s; its output is in {log}.")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` failed; {log} ends with:\n{_last(log, _LINES)}")


def _last(log: Path, lines: int) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").strip().splitlines()[-lines:])
