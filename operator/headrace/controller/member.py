"""A rollout as the fleet knows it between two ticks."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from headrace.api import ModelRollout, Status
from headrace.controller.resources import Resource
from headrace.controller.schedule import AT_REST_SECONDS, slot


@dataclass(slots=True, eq=False)
class Member:
    """A rollout between two ticks.

    Attributes:
        resource: As last read or written.
        status: What the last tick left; ahead of the resource's by evidence only.
        judged: The slot in which numbers were read last.
        looked: When it was looked at last, Unix seconds.
        acting: What is being carried out.
        taken_back: Whether its candidate has lost its users, and no status says so yet.
        carried_out: When anything was carried out last, seconds that only grow.
        failures: How often in a row something did not work.
        again: Before when it is not looked at again for that, Unix seconds.
        trouble: Why the last tick could not be carried out; empty if it was.
        undone: What somebody has written over in the status; it is written again at once.
    """

    resource: Resource
    status: Status
    judged: int = -1
    looked: float = 0.0
    acting: Future[None] | None = None
    taken_back: bool = False
    carried_out: float = 0.0
    failures: int = 0
    again: float = 0.0
    trouble: str = ""
    undone: tuple[str, ...] = ()

    @property
    def rollout(self) -> ModelRollout:
        """The rollout with the latest status."""
        return self.resource.rollout.model_copy(update={"status": self.status})

    @property
    def is_busy(self) -> bool:
        """Whether the last tick is still being carried out."""
        return self.acting is not None and not self.acting.done()

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under test."""
        return self.status.candidate is None

    def wants_numbers(self, now: float) -> bool:
        """Tell whether it is to be judged by what was counted since."""
        if self.is_at_rest:
            return False
        return slot(now, self.resource.rollout.spec.analysis.interval) != self.judged

    def wants_look(self, now: float) -> bool:
        """Tell whether it is to be looked at, whether or not anything has changed."""
        return self.looked == 0.0 or (self.is_at_rest and now - self.looked >= AT_REST_SECONDS)
