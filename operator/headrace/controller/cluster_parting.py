"""What rollouts in a cluster have is given up: objects lose their owner, and outlive it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from headrace.api import ModelRollout
from headrace.controller.parting import PATIENCE
from headrace.controller.resources import Unreadable
from headrace.engine.plan import Plan
from headrace.runtime.kubernetes.pieces import uid_of
from headrace.runtime.kubernetes.platform import KubernetesPlatform

logger = logging.getLogger(__name__)


class ClusterParting:
    """Gives up the objects of rollouts in a cluster."""

    def __init__(self, platform: KubernetesPlatform, forget: Callable[[str], None]) -> None:
        """Take what it works with.

        Args:
            platform: Has the objects.
            forget: Is called with the key of a rollout that goes.
        """
        self._platform, self._forget = platform, forget

    def part(self, rollout: ModelRollout, plan: Plan, now: float) -> bool:
        """Give up what a plan has, once nothing else is left of the rollout.

        Where nobody knows what should stay, all of it does.
        """
        if plan.as_it_is:
            self._platform.abandon(rollout.key, uid_of(rollout))
        if plan.stable is not None:
            decision = rollout.status.decision
            waited = 0.0 if decision is None else now - decision.time
            # What can never be in order must not keep a resource for ever.
            if waited < PATIENCE and not self._platform.settled(rollout, plan):
                return False
            self._platform.release(rollout, plan)
        self._forget(rollout.key)
        return True

    def abandon(self, resource: Unreadable) -> None:
        """Give up every object of the rollout, or none if its spec says that all go with it."""
        if not resource.takes_all:
            logger.warning(
                "%s was deleted, and cannot be read: all that it had goes on as it is",
                resource.key,
            )
            self._platform.abandon(resource.key, resource.uid)
        self._forget(resource.key)
