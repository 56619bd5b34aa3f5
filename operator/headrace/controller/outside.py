"""All that is neither numbers nor servers: calendars, gates, a registry, and those who are told.

One object for a whole fleet. Before a tick it says what the engine should know of them, after the
tick it asks and tells; both return at once, whatever other people's servers do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.api import ModelRollout
from headrace.api.freeze import frozen
from headrace.controller.champion import Champion
from headrace.engine.decision import Tick
from headrace.engine.observations import Observations

if TYPE_CHECKING:
    from headrace.controller.gates import Gates
    from headrace.controller.notify import Delivery, Notifier
    from headrace.controller.posting import Poster
    from headrace.registry.server import Promotes


class Outside:
    """Keeps what was asked and told for every rollout; used by one thread at a time."""

    def __init__(
        self,
        say: Callable[[str, str], None],
        wake: Callable[[str], None] = lambda rollout: None,
        folder: Path | None = None,
        registry: Promotes | None = None,
    ) -> None:
        """Start nothing: most rollouts ask and tell nobody.

        Args:
            say: Is told, with the rollout's key, why somebody could not be told.
            wake: Is called with a rollout's key when a gate or the registry has answered, from
                another thread.
            folder: Holds addresses that are secrets, as `Notifier` has it.
            registry: Whose alias follows the traffic; None for none.
        """
        self._say, self._wake, self._folder = say, wake, folder
        self._running: tuple[Poster, Gates, Notifier] | None = None
        self._delivered: dict[str, Delivery] = {}
        self._champion = None if registry is None else Champion(registry, say, wake)

    def known(self, rollout: ModelRollout, observations: Observations, now: float) -> Observations:
        """Add what the engine should know of the outside.

        Args:
            rollout: Before the tick.
            observations: Of numbers and servers.
            now: Unix seconds.
        """
        delivered = self._delivered.get(rollout.key)
        gates = {} if self._running is None else self._running[1].answers(rollout.key)
        return replace(
            observations,
            frozen=frozen(rollout.spec.freeze, now),
            gates=gates,
            generation=rollout.metadata.generation,
            told=frozenset() if delivered is None else delivered.told,
            telling=frozenset() if delivered is None else delivered.telling,
            registered=None if self._champion is None else self._champion.known(rollout),
        )

    def follow(self, rollout: ModelRollout, answer: Tick, now: float) -> None:
        """Ask and tell what a tick wants.

        Args:
            rollout: With the status of the tick, which has been written: what is told of has then
                happened.
            answer: The tick.
            now: Unix seconds.
        """
        if self._champion is not None:
            self._champion.follow(rollout)
        if not (answer.questions or rollout.status.news):
            self._forget_mail(rollout.key)
            return
        _, gates, notifier = self._started()
        gates.follow(rollout, answer.questions, now)
        self._delivered[rollout.key] = notifier.follow(rollout, now)

    def forget(self, rollout: str) -> None:
        """Forget a rollout that is gone."""
        if self._champion is not None:
            self._champion.forget(rollout)
        self._forget_mail(rollout)

    def _forget_mail(self, rollout: str) -> None:
        self._delivered.pop(rollout, None)
        if self._running is not None:
            self._running[1].forget(rollout)
            self._running[2].forget(rollout)

    def close(self) -> None:
        """End what is under way."""
        if self._champion is not None:
            self._champion.close()
        if self._running is not None:
            self._running[0].close()
            self._running = None

    def _started(self) -> tuple[Poster, Gates, Notifier]:
        if self._running is None:
            # aiohttp is some megabytes that a controller without gates and receivers saves.
            from headrace.controller.gates import Gates
            from headrace.controller.notify import Notifier
            from headrace.controller.posting import Poster

            poster = Poster()
            gates = Gates(poster, self._wake)
            self._running = poster, gates, Notifier(poster, self._folder, self._say, self._wake)
        return self._running
