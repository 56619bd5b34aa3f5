"""Rollouts that cannot be read: people are told, and what runs is left as it is.

Nobody knows what should be. The faults are said once each in an Event and in the log, and in the
status as far as that can be written without losing what is in it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from headrace.api import Status
from headrace.controller.parting import PATIENCE, Parting
from headrace.controller.resources import Resources, Unreadable
from headrace.controller.schedule import LATER
from headrace.engine.suspension import invalid
from headrace.errors import HeadraceError

logger = logging.getLogger(__name__)

_GOES = (
    "It is being deleted: unless the {what} is corrected within a minute, it goes, and what runs "
    "is left as it is."
)

OnRefused = Callable[[Unreadable], None]
"""Is told of a rollout that cannot be read, once for each message."""


class Refusals:
    """The rollouts of a fleet that cannot be read."""

    def __init__(
        self,
        resources: Resources,
        parting: Parting,
        pool: ThreadPoolExecutor,
        may_act: Callable[[], bool],
        on_refused: OnRefused,
    ) -> None:
        """Refuse nothing yet.

        Args:
            resources: Keeps the rollouts.
            parting: What is done before a resource that is deleted may go.
            pool: Carries out what is written.
            may_act: Whether this process still leads.
            on_refused: Is told of them, from the thread that ticks.
        """
        self._resources, self._parting, self._pool = resources, parting, pool
        self._may_act, self._on_refused = may_act, on_refused
        self._writing: dict[str, Future[None]] = {}
        self._said: dict[str, str] = {}
        self.patience_ends = math.inf
        """When the first of those that are deleted may go, Unix seconds."""

    @property
    def messages(self) -> Mapping[str, str]:
        """Why each of them cannot be read, by `namespace/name`; to be looked at only."""
        return self._said

    def begin(self, keys: Collection[str]) -> None:
        """Begin a look at all rollouts.

        Args:
            keys: Of those that cannot be read; others are forgotten.
        """
        self.patience_ends = math.inf
        self._said = {key: message for key, message in self._said.items() if key in keys}

    def refuse(self, resource: Unreadable, now: float) -> None:
        """Say that it cannot be read, once; let it go if it is deleted for long.

        Args:
            resource: Which.
            now: Unix seconds.
        """
        if self._said.get(resource.key) != resource.message:
            self._said[resource.key] = resource.message
            self._on_refused(resource)
        writing = self._writing.get(resource.key)
        if writing is not None and not writing.done():
            return
        message = resource.message
        if resource.deleting is not None:
            ends = resource.deleting + PATIENCE
            if now >= ends:
                self.patience_ends = min(self.patience_ends, now + LATER)
                self._writing[resource.key] = self._pool.submit(self._abandon, resource)
                return
            self.patience_ends = min(self.patience_ends, ends)
            what = "status" if resource.status is None else "spec"
            message = f"{message}\n{_GOES.format(what=what)}"
        write = self._write_of(resource, message, now)
        if write is not None:
            self._writing[resource.key] = self._pool.submit(self._try, resource, write)

    def settle(self, deadline: float) -> None:
        """Wait until all of it is written, at most until then by `time.monotonic`."""
        for writing in list(self._writing.values()):
            writing.result(max(0.0, deadline - time.monotonic()))

    def _write_of(
        self, resource: Unreadable, message: str, now: float
    ) -> Callable[[], None] | None:
        """Give the write that says it in the status; None where it is said already."""
        before, generation = resource.status, resource.generation
        if before is None:
            known = Status(conditions=[*resource.conditions])
            conditions = invalid(known, message, generation, now, resource.reason).conditions
            if conditions == known.conditions:
                return None
            return lambda: self._resources.complain(resource, conditions)
        said = invalid(before, message, generation, now)
        if said == before:
            return None
        said = said.model_copy(update={"writes": said.writes + 1})
        return lambda: self._resources.refuse(resource, said)

    def _abandon(self, resource: Unreadable) -> None:
        try:
            if self._may_act():
                self._parting.abandon(resource)
                self._resources.let_go(resource)
        except HeadraceError as error:
            logger.warning("%s cannot go yet: %s", resource.key, error)

    def _try(self, resource: Unreadable, write: Callable[[], None]) -> None:
        try:
            if self._may_act():
                write()
        except HeadraceError as error:
            # Changed in the meantime, or not written this time: the next tick looks again.
            logger.info("%s: its status was not written: %s", resource.key, error)
