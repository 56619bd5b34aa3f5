"""Between the ticks and the rest of the world: gates that are asked, receivers that are told.

Most rollouts have neither. What speaks HTTP for them is loaded when the first one does, as it
takes as much memory as three hundred rollouts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.api import ModelRollout
from headrace.controller.resources import Resource
from headrace.controller.tick import Messages
from headrace.engine.decision import Tick

if TYPE_CHECKING:
    from headrace.controller.gates import Gates
    from headrace.controller.notify import Notifier
    from headrace.controller.posting import Poster

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Office:
    poster: Poster
    gates: Gates
    notifier: Notifier


class Correspondence:
    """Collects what a tick hears, and carries what it says."""

    def __init__(self, addresses: Path | None, on_answer: Callable[[str], None]) -> None:
        """Open nothing yet.

        Args:
            addresses: A folder with addresses that are secrets; see `Notifier`.
            on_answer: Is told of a rollout's key when a gate has answered.
        """
        self._addresses, self._on_answer = addresses, on_answer
        self._office: _Office | None = None

    def messages_for(self, resource: Resource, rollout: ModelRollout, now: float) -> Messages:
        """Give what people and other systems say before a judgement."""
        if not (rollout.spec.gates or rollout.spec.notifications):
            return Messages(resource.ask, deleting=resource.deleting)
        office = self._open()
        return Messages(
            resource.ask,
            office.gates.answers(rollout.key),
            office.notifier.follow(rollout, now),
            resource.deleting,
        )

    def carry(self, rollout: ModelRollout, answer: Tick, now: float) -> None:
        """Ask and tell what a tick that was carried out wants asked and told."""
        if rollout.spec.gates or rollout.spec.notifications:
            office = self._open()
            office.gates.follow(rollout, answer.questions, now)
            office.notifier.follow(rollout, now)

    def forget(self, key: str) -> None:
        """Forget a rollout that is gone."""
        if self._office is not None:
            self._office.gates.forget(key)
            self._office.notifier.forget(key)

    def close(self) -> None:
        """Give up what is under way; it is told again by whoever leads next."""
        if self._office is not None:
            self._office.poster.close()

    def _open(self) -> _Office:
        if self._office is None:
            from headrace.controller.gates import Gates
            from headrace.controller.notify import Notifier
            from headrace.controller.posting import Poster

            poster = Poster()
            notifier = Notifier(poster, self._addresses, _say)
            self._office = _Office(poster, Gates(poster, self._on_answer), notifier)
        return self._office


def _say(rollout: str, message: str) -> None:
    logger.warning("%s", message, extra={"rollout": rollout})
