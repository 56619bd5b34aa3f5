"""Moves the registry's alias after the traffic has moved, never before.

Which version the alias was moved to is in the resource's status, and so is why it could not be
moved: a controller that begins anew asks the registry for nothing that was done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.api import ModelRollout, Phase, Registered
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.registry.server import Promotes

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between two tries: at first, and when a registry is away for long."""

_UNDER_WAY = (Phase.PROMOTING, Phase.ROLLING_BACK)


@dataclass(slots=True)
class _Move:
    """A version that should be the champion.

    Attributes:
        name: The model's.
        version: Which.
        due: When it is tried next, by the clock.
        pause: Seconds between the try after that and the next one.
        problem: Why the last try did not work; empty before it, and where it did.
        done: Whether it is the champion now.
    """

    name: str
    version: str
    due: float
    pause: float
    problem: str = ""
    done: bool = False


class Champion:
    """Keeps the alias `champion` on the versions that have the users, for a whole fleet.

    Told a resource after every tick, it acts when the stable version is not the one whose alias
    the status knows of. It asks in a thread of its own, because a registry may be slow or away for
    hours, and users must not wait for it.
    """

    def __init__(
        self,
        registry: Promotes,
        say: Callable[[str, str], None],
        wake: Callable[[str], None] = lambda rollout: None,
        pause: float = FIRST_PAUSE,
    ) -> None:
        """Start the thread.

        Args:
            registry: Has the alias.
            say: Is told, with the rollout's key, when the alias has moved or could not.
            wake: Is called with a rollout's key when `known` has something new.
            pause: Seconds after a first try that did not work; each one after it waits longer.
        """
        self._pause = pause
        self._registry, self._say, self._wake = registry, say, wake
        self._moves: dict[str, _Move] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="champion", daemon=True)
        self._thread.start()

    def follow(self, rollout: ModelRollout) -> None:
        """Look at a resource, and have its alias moved where that is due."""
        status = rollout.status
        if status.stable is None or status.phase in _UNDER_WAY:
            return
        name, version = status.stable.name, status.stable.version
        with self._changed:
            move = self._moves.get(rollout.key)
            if status.registered is not None and status.registered.champion == version:
                self._moves.pop(rollout.key, None)
            elif move is None or (move.name, move.version) != (name, version):
                self._moves[rollout.key] = _Move(name, version, time.monotonic(), self._pause)
                self._changed.notify()

    def known(self, rollout: ModelRollout) -> Registered | None:
        """Give what has become of a resource's alias; None where nothing is new."""
        with self._changed:
            move = self._moves.get(rollout.key)
            if move is None or not (move.done or move.problem):
                return None
            before = rollout.status.registered or Registered()
            champion = move.version if move.done else before.champion
            return Registered(champion=champion, problem=move.problem)

    def forget(self, rollout: str) -> None:
        """Forget a rollout that is gone."""
        with self._changed:
            self._moves.pop(rollout, None)

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; waits for a try that is under way, at most so many seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while (found := self._next()) is not None:
            self._try(*found)

    def _next(self) -> tuple[str, _Move] | None:
        """Wait for the next move that is due; None at the end."""
        with self._changed:
            while not self._stopping:
                open_moves = [(m.due, key, m) for key, m in self._moves.items() if not m.done]
                due, key, move = min(open_moves, default=(float("inf"), "", None), key=_when)
                if move is not None and due <= time.monotonic():
                    return key, move
                self._changed.wait(None if move is None else due - time.monotonic())
        return None

    def _try(self, key: str, move: _Move) -> None:
        problem, version = "", move.version
        try:
            self._registry.promote(move.name, version)
        except HeadraceError as error:
            problem = str(error)
        with self._changed:
            news = problem != move.problem or not problem
            move.problem, move.done = problem, not problem
            move.due = time.monotonic() + move.pause
            move.pause = min(2 * move.pause, LONGEST_PAUSE)
        if news:
            state = f"is not on {version} yet: {problem}" if problem else f"is on {version}"
            self._say(key, f"the alias champion of {move.name} {state}")
            self._wake(key)


def _when(move: tuple[float, str, _Move | None]) -> tuple[float, str]:
    return move[0], move[1]
