"""Moves the registry's alias after the traffic has moved, never before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from headrace.api import ModelRollout, Phase
from headrace.errors import PermanentError, TemporaryError

Promote = Callable[[str, str], None]
"""Makes a version of a model the champion, as `Registry.promote` does."""

Say = Callable[[ModelRollout, bool, str], None]
"""Is told of a rollout whether its alias has moved, and a sentence about it; from any thread."""


class Champion:
    """Keeps the alias `champion` of one rollout on the version that has the users.

    Level-triggered: told the resource after every tick, it acts when the stable version is not
    the one it set last, and tries again at a later tick when the registry does not answer. A
    registry may be slow, and users must not wait for it: a worker asks it.

    Attributes:
        version: That it set last; empty before.
    """

    def __init__(self, promote: Promote, say: Say, worker: Executor) -> None:
        """Ask nothing yet.

        Args:
            promote: Moves the alias.
            say: Is told when it has moved, and, once each, why it could not.
            worker: Where the registry is asked.
        """
        self._promote, self._say, self._worker = promote, say, worker
        self._moving: Future[None] | None = None
        self._impossible = self._said = ""
        self.version = ""

    def follow(self, rollout: ModelRollout) -> None:
        """Look at the resource, and move the alias where that is due."""
        stable = rollout.status.stable
        settled = rollout.status.phase in (Phase.HEALTHY, Phase.ROLLED_BACK)
        if stable is None or not settled or not (self._moving is None or self._moving.done()):
            return
        if stable.version not in (self.version, self._impossible):
            self._moving = self._worker.submit(self._move, rollout, stable.name, stable.version)

    def _move(self, rollout: ModelRollout, name: str, version: str) -> None:
        try:
            self._promote(name, version)
        except TemporaryError as error:
            self._complain(rollout, f"{error} It is tried again.")
        except PermanentError as error:
            # The users are served all the same: this is said, and is no reason to stop.
            self._impossible = version
            self._complain(rollout, str(error))
        else:
            self.version, self._said = version, ""
            self._say(rollout, True, f"the alias champion of {name} is on version {version}")

    def _complain(self, rollout: ModelRollout, said: str) -> None:
        if said != self._said:
            self._said = said
            self._say(rollout, False, said)


class Champions:
    """The aliases of a whole fleet, moved one after the other; used by one thread at a time."""

    def __init__(self, promote: Promote, say: Say) -> None:
        """Start nothing yet.

        Args:
            promote: As of a `Champion`.
            say: As of a `Champion`.
        """
        self._promote, self._say = promote, say
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="champion")
        self._champions: dict[str, Champion] = {}

    def follow(self, rollout: ModelRollout) -> None:
        """Look at a rollout."""
        champion = self._champions.get(rollout.key)
        if champion is None:
            champion = Champion(self._promote, self._say, self._worker)
            self._champions[rollout.key] = champion
        champion.follow(rollout)

    def forget(self, key: str) -> None:
        """Forget a rollout that is gone."""
        self._champions.pop(key, None)

    def close(self) -> None:
        """Wait for what is under way."""
        self._worker.shutdown(wait=True, cancel_futures=True)
