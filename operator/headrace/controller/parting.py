"""A resource that is deleted: what it has is left to itself before the resource may go.

Kubernetes deletes what a deleted object owns. So what is to stay is given up first, and a finalizer
keeps the resource until that is done. Whoever deletes something wants it gone: whatever is wrong,
each wait here has an end.
"""

from __future__ import annotations

from typing import Protocol

from headrace.api import ModelRollout
from headrace.controller.resources import Unreadable
from headrace.engine.plan import Plan

PATIENCE = 60.0
"""Seconds in which what should stay may still be put in order, or a spec corrected."""


class Parting(Protocol):
    """Leaves to itself what rollouts have."""

    def part(self, rollout: ModelRollout, plan: Plan, now: float) -> bool:
        """Leave what a plan has, and tell whether that is done.

        Args:
            rollout: With the status of this tick.
            plan: What should stay.
            now: Unix seconds.

        Raises:
            PlatformUnavailable: It could not be done this time.
        """
        ...

    def abandon(self, resource: Unreadable) -> None:
        """Leave everything as it is, as nobody knows what should be; raises like `part`."""
        ...


class NoParting:
    """Of a platform that keeps nothing beyond its resources."""

    def part(self, rollout: ModelRollout, plan: Plan, now: float) -> bool:
        """Do nothing."""
        return True

    def abandon(self, resource: Unreadable) -> None:
        """Do nothing."""
