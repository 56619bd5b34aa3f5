"""Tells what happens, with the time, and never stays silent for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console

from headrace.pipelines.local_run import Progress

_LONGEST_SILENCE = 4.0


class Narrator:
    """Prints lines with the time since the start; repeats what is going on when nothing is said."""

    def __init__(self, console: Console) -> None:
        """Start the clock."""
        self._console = console
        self._begun = self._told = time.monotonic()
        self._doing = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._breathe, name="narrator", daemon=True)

    def say(self, message: str, style: str = "") -> None:
        """Print a line."""
        with self._lock:
            self._told = time.monotonic()
            self._console.print(f"[dim]{self._told - self._begun:6.1f}s[/dim]  ", end="")
            self._console.print(message, style=style, markup=False, highlight=False, soft_wrap=True)

    def heading(self, message: str) -> None:
        """Print a line that starts something."""
        with self._lock:
            self._console.print()
        self.say(message, style="bold")

    def doing(self, what: str) -> None:
        """Note what goes on; it is said when nothing else has been for a while."""
        self._doing = what

    def _breathe(self) -> None:
        while not self._stop.wait(0.5):
            if self._doing and time.monotonic() - self._told > _LONGEST_SILENCE:
                self.say(f"  {self._doing}", style="dim")

    def __enter__(self) -> Self:
        """Begin to watch for silence."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._stop.set()
        self._thread.join()


def pipeline_progress(narrator: Narrator) -> Callable[[Progress], None]:
    """Give what tells the progress of a pipeline."""

    def tell(progress: Progress) -> None:
        if progress.state == "Running":
            narrator.doing(f"pipeline: {progress.task}, {progress.seconds:.0f} s")
        else:
            said = f"pipeline: {progress.task} {progress.state.lower()}"
            narrator.say(f"  {said} in {progress.seconds:.1f} s")

    return tell
