"""Lets what is urgent be done before what can wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Precedence:
    """Counts what is urgent and not done yet."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._urgent = 0
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Count something urgent, before `done`."""
        with self._changed:
            self._urgent += 1

    def done(self) -> None:
        """Count it as done."""
        with self._changed:
            self._urgent -= 1
            self._changed.notify_all()

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Count something urgent for as long as a `with` lasts."""
        self.begin()
        try:
            yield
        finally:
            self.done()

    def wait(self, until: float) -> bool:
        """Wait until nothing urgent is left.

        Args:
            until: When to wait no longer, in the seconds of `time.monotonic`.

        Returns:
            Whether nothing is left.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._urgent, max(0.0, until - time.monotonic())
            )
