"""Run a compiled pipeline on this machine, task by task, with no Docker and no cluster.

Each task is a process, as in the cluster each is a container. What happens is told by a callback;
nothing is printed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from headrace import errors
from headrace.errors import (
    HeadraceError,
    InvalidInput,
    PermanentError,
    PlatformUnavailable,
    TemporaryError,
)
from headrace.pipelines import kfp_log

HEARTBEAT_SECONDS = 2.0
KEPT_LINES = 15
"""How many of a task's last lines go into the error when it fails."""

STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """What is going on.

    Attributes:
        task: The task's name.
        state: `Running` when it starts, with every line that it writes, and at least every
            `HEARTBEAT_SECONDS`; then `Succeeded` or `Failed`.
        seconds: Since it started.
        line: What it has just written; empty for none.
    """

    task: str
    state: Literal["Running", "Succeeded", "Failed"]
    seconds: float
    line: str = ""


@dataclass(frozen=True)
class PipelineRun:
    """A pipeline that has ended well.

    Attributes:
        outputs: Of the pipeline.
        tasks: The seconds that each task took, in the order in which they ran; a task behind a
            condition that was false is not there.
    """

    outputs: Mapping[str, Any]
    tasks: Mapping[str, float]


def run_pipeline(
    pipeline: Path,
    arguments: Mapping[str, Any],
    pipeline_root: Path,
    on_progress: Callable[[Progress], None],
    timeout: float = 900.0,
) -> PipelineRun:
    """Run a compiled pipeline to its end.

    Args:
        pipeline: Its compiled YAML.
        arguments: Its parameters.
        pipeline_root: Where the artifacts of its tasks go.
        on_progress: Called in this thread.
        timeout: Seconds after which it is stopped, > 0.

    Raises:
        InvalidInput: There is no such file, or a task refused what it was given; the text has the
            task and its reason.
        PermanentError: A task failed otherwise, the text has its last lines; or a condition could
            not be evaluated.
        PlatformUnavailable: A task says that a retry may help, or it took too long.
    """
    if not pipeline.is_file():
        raise InvalidInput(
            f"There is no compiled pipeline {pipeline}: python -m headrace.pipelines.compile"
        )
    order = {
        "pipeline": str(pipeline.resolve()),
        "arguments": dict(arguments),
        "pipeline_root": str(pipeline_root.resolve()),
    }
    follower = _Follower(on_progress)
    with (
        # KFP makes a folder for each task and leaves it there.
        TemporaryDirectory(prefix="headrace-tasks-", ignore_cleanup_errors=True) as scratch,
        _process(order, scratch) as process,
    ):
        for line in _lines(process, timeout):
            follower.read(line)
        code = process.wait()
    return follower.result(pipeline, code)


class _Follower:
    """Turns the log of a run into progress, and in the end into a result or an error."""

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._tell = on_progress
        self._log = kfp_log.LogReader()
        self._task = ""
        self._since = time.monotonic()
        self._tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._tasks: dict[str, float] = {}
        self._failed = ""
        self._undecided = ""
        self._outputs: dict[str, Any] | None = None

    def read(self, line: str | None) -> None:
        """Take a line of the log, or None when there was none for a while."""
        event = None if line is None else self._log.read(line)
        if isinstance(event, kfp_log.Started):
            self._task, self._since = event.task, time.monotonic()
            self._tail.clear()
            # The same task again is a retry, and only its last try counts.
            self._failed = ""
            self._report("Running")
        elif isinstance(event, kfp_log.Finished):
            self._tasks[event.task] = time.monotonic() - self._since
            if not event.succeeded:
                self._failed = event.task
            self._report("Succeeded" if event.succeeded else "Failed")
            self._task = ""
        elif isinstance(event, kfp_log.Outputs):
            self._outputs = json.loads(event.text)
        elif isinstance(event, kfp_log.Undecided):
            self._undecided = event.text
        elif isinstance(event, kfp_log.Said):
            # After a failure, KFP's own traceback follows; it tells nothing.
            if not self._failed:
                self._tail.append(event.text)
            self._report("Running", event.text)
        elif line is None:
            self._report("Running")

    def result(self, pipeline: Path, code: int) -> PipelineRun:
        """Give what became of the run, whose process ended with `code`."""
        if self._failed or self._task:
            raise _task_error(self._failed or self._task, pipeline, list(self._tail))
        log = "\n  ".join(self._tail)
        if code != 0 or self._outputs is None:
            raise PermanentError(
                f"{pipeline} did not run: KFP ended with code {code}. It wrote last:\n  {log}"
            )
        if self._undecided:
            raise PermanentError(
                f"A condition of {pipeline} could not be evaluated, and KFP took it for false: "
                f"{self._undecided}"
            )
        return PipelineRun(self._outputs, self._tasks)

    def _report(self, state: Literal["Running", "Succeeded", "Failed"], line: str = "") -> None:
        if self._task:
            self._tell(Progress(self._task, state, time.monotonic() - self._since, line))


def _task_error(task: str, pipeline: Path, tail: Sequence[str]) -> HeadraceError:
    """Give a task's own error if its last lines end with one of ours, else those lines."""
    prefix = "headrace.errors."
    for index, line in enumerate(tail):
        name, colon, text = line.removeprefix(prefix).partition(": ")
        if line.startswith(prefix) and colon:
            said = "\n  ".join([text, *tail[index + 1 :]])
            return _kind(name)(f"The task {task} of {pipeline} failed: {said}")
    log = "\n  ".join(tail)
    return PermanentError(f"The task {task} of {pipeline} failed. It wrote last:\n  {log}")


def _kind(name: str) -> type[HeadraceError]:
    kind = getattr(errors, name, PermanentError)
    for general in (InvalidInput, PlatformUnavailable, PermanentError):
        if issubclass(kind, general):
            return general
    return PlatformUnavailable if issubclass(kind, TemporaryError) else PermanentError


@contextmanager
def _process(order: Mapping[str, Any], scratch: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start KFP in a session of its own; whatever happens, all of it is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.pipelines.kfp_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # OpenMP's threads wait by spinning: on two cores shared with a rollout that is under way,
        # training took 22 s with two threads and 6 s with one.
        env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": scratch},
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        # It stays open: its end tells the process that we are gone.
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        yield process
    finally:
        _stop(process)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its tasks, which share its group, unless it has ended by itself."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # The group outlives its leader while a task is left that takes no notice.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lines(process: subprocess.Popen[bytes], timeout: float) -> Iterator[str | None]:
    """Give the lines as they are written, and None when there was none for a heartbeat."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    unfinished = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise PlatformUnavailable(f"The pipeline was stopped after {timeout:g} s.")
            if not selector.select(min(HEARTBEAT_SECONDS, left)):
                yield None
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, unfinished = (unfinished + chunk).split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace")
    if unfinished:
        yield unfinished.decode("utf-8", "replace")
