"""Which rollouts' worlds have changed, told by watches and waited for by the tick."""

from __future__ import annotations

import threading


class Changes:
    """A set of keys that one thread waits for and others add to."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._woken = False
        self._condition = threading.Condition()

    def note(self, key: str) -> None:
        """Add a rollout, `namespace/name`."""
        with self._condition:
            self._keys.add(key)
            self._condition.notify()

    def wake(self) -> None:
        """End the wait, though no world has changed."""
        with self._condition:
            self._woken = True
            self._condition.notify()

    def wait(self, seconds: float) -> None:
        """Wait for anything, at most so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._woken or self._keys, max(0.0, seconds))

    def take(self) -> frozenset[str]:
        """Give the rollouts and begin anew."""
        with self._condition:
            taken, self._keys, self._woken = frozenset(self._keys), set(), False
        return taken
