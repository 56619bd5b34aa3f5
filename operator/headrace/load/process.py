"""Starts and stops the process that sends requests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.errors import NotFound
from headrace.load.counts import Ledger, read_ledger

_MOST_SECONDS = 86_400


class Traffic:
    """A sender process at a time; what they counted is summed up."""

    def __init__(self, url: str, rate: float, ledger: Path, feedback: float = 0.0) -> None:
        """Prepare.

        Args:
            url: Where requests go.
            rate: A second, > 0.
            ledger: Where the sender counts.
            feedback: Share of the answers that get feedback.
        """
        self._url, self._rate, self._feedback = url, rate, feedback
        self._ledger = ledger
        self._sum = Ledger()
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, requests: Path, threshold: float = 0.5) -> None:
        """Send this file from now on, instead of what was sent before."""
        self.stop()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "headrace.load",
                f"--url={self._url}",
                f"--requests={requests}",
                f"--rate={self._rate}",
                f"--count={int(self._rate * _MOST_SECONDS)}",
                f"--seconds={_MOST_SECONDS}",
                f"--feedback={self._feedback}",
                f"--threshold={threshold}",
                f"--ledger={self._ledger}",
            ],
            stdin=subprocess.PIPE,  # the sender ends when it closes: also when we are killed
        )

    def stop(self) -> None:
        """End the sender after its open requests, and keep its counts."""
        if self._process is None:
            return
        self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        try:
            self._sum.add(read_ledger(self._ledger))
        except NotFound:
            return
        self._ledger.unlink()

    @property
    def counts(self) -> Ledger:
        """What all senders that have ended counted."""
        return self._sum

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
