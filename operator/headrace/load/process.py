"""Starts and stops the process that sends requests."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.errors import NotFound, PlatformUnavailable
from headrace.load.counts import Ledger, read_ledger

_MOST_SECONDS = 86_400
_MOST_FRUITLESS = 3


@dataclass(frozen=True, slots=True)
class _Sending:
    """What is being sent: from which line of which file."""

    requests: Path
    threshold: float
    first: int


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
        self._sending: _Sending | None = None
        self._fruitless = 0
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, requests: Path, threshold: float = 0.5) -> None:
        """Send this file from now on, instead of what was sent before.

        Args:
            requests: A request a line.
            threshold: A probability above it counts as a positive answer.
        """
        self.stop()
        self._start(_Sending(requests, threshold, first=0))

    def revive(self) -> str:
        """Go on where a sender that ended by itself had come to.

        Returns:
            A sentence about how it ended; empty where it runs.

        Raises:
            PlatformUnavailable: It has ended several times before it sent anything.
        """
        process, sending = self._process, self._sending
        if process is None or sending is None or process.poll() is None:
            return ""
        if process.stdin is not None:
            process.stdin.close()
        sent = self._collect()
        self._fruitless = 0 if sent else self._fruitless + 1
        if self._fruitless >= _MOST_FRUITLESS:
            raise PlatformUnavailable("The process that sends requests cannot be kept running.")
        self._start(_Sending(sending.requests, sending.threshold, sending.first + sent))
        return f"ended by itself with code {process.returncode}, restarted"

    def _start(self, sending: _Sending) -> None:
        self._sending = sending
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "headrace.load",
                f"--url={self._url}",
                f"--requests={sending.requests}",
                f"--first={sending.first}",
                f"--rate={self._rate}",
                f"--count={int(self._rate * _MOST_SECONDS)}",
                f"--seconds={_MOST_SECONDS}",
                f"--feedback={self._feedback}",
                f"--threshold={sending.threshold}",
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
        self._process = self._sending = None
        self._collect()

    def _collect(self) -> int:
        """Add up what the sender counted, and tell how many requests it had sent."""
        try:
            counted = read_ledger(self._ledger)
        except NotFound:
            return 0
        self._sum.add(counted)
        self._ledger.unlink()
        return counted.sent

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
