"""What a process and all its descendants hold together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil


class Memory(threading.Thread):
    """Watches it: proportional set size, in which a page that several share is counted once.

    Attributes:
        most: Bytes, at the worst look.
        holders: Bytes by kind of process at that look.
    """

    def __init__(self, pid: int, kind: Callable[[psutil.Process], str] = psutil.Process.name):
        """Start nothing yet.

        Args:
            pid: Of the process.
            kind: Names what a process is.
        """
        super().__init__(daemon=True)
        self._root, self._kind = psutil.Process(pid), kind
        self._stop_asked = threading.Event()
        self.most = 0
        self.holders: Counter[str] = Counter()

    def run(self) -> None:
        """Look twice a second."""
        while not self._stop_asked.wait(0.5):
            held: Counter[str] = Counter()
            try:
                processes = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in processes:
                try:
                    held[self._kind(process)] += process.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue  # it ended between the list and the look
            if held.total() > self.most:
                self.most, self.holders = held.total(), held

    def stop(self) -> None:
        """End."""
        self._stop_asked.set()
        self.join()


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """Watch a process for as long as a `with` lasts."""
    memory = Memory(pid)
    memory.start()
    try:
        yield memory
    finally:
        memory.stop()
