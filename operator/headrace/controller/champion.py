"""Moves the registry's alias after the traffic has moved, never before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from headrace.api import ModelRollout, Phase
from headrace.errors import PermanentError, TemporaryError
from headrace.registry import Registry


class Champion:
    """Keeps the alias `champion` on the version that has the users.

    Level-triggered: told the resource after every tick, it acts when the stable version is not
    the one it set last, and tries again at the next tick when the registry does not answer. It
    works in a thread of its own, because a registry may be slow and users must not wait for it.
    """

    def __init__(self, tracking_uri: str, say: Callable[[str], None]) -> None:
        """Connect lazily.

        Args:
            tracking_uri: As `Registry` takes it.
            say: Is told when the alias has moved, and when it could not.
        """
        self._uri, self._say = tracking_uri, say
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="champion")
        self._moving: Future[str] | None = None
        self._asked = self._impossible = ""
        self.version = ""

    def follow(self, rollout: ModelRollout) -> None:
        """Look at the resource, and move the alias where that is due."""
        if self._moving is not None and self._moving.done():
            self._finish(self._moving)
            self._moving = None
        stable = rollout.status.stable
        settled = rollout.status.phase in (Phase.HEALTHY, Phase.ROLLED_BACK)
        if stable is None or not settled or self._moving:
            return
        if stable.version in (self.version, self._impossible):
            return
        self._asked = stable.version
        self._moving = self._worker.submit(self._move, stable.name, stable.version)

    def _move(self, name: str, version: str) -> str:
        Registry(self._uri).promote(name, version)
        return version

    def _finish(self, moved: Future[str]) -> None:
        try:
            self.version = moved.result()
            self._say(f"registry: the alias champion is on version {self.version}")
        except TemporaryError as error:
            self._say(f"registry: {error} Trying again.")
        except PermanentError as error:
            # The users are served all the same: this is said, and is no reason to stop.
            self._impossible = self._asked
            self._say(f"registry: {error}")

    def close(self) -> None:
        """Wait for what is under way."""
        self._worker.shutdown(wait=True)
