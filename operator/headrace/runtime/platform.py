"""What a platform must be able to do. The controller knows no more of the world than this."""

from __future__ import annotations

from typing import Protocol

from headrace.api import ModelRollout
from headrace.engine.observations import World
from headrace.engine.plan import Plan


class Platform(Protocol):
    """Runs model servers and routes traffic to them."""

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Make the world look like the plan.

        Level-triggered: the second call with the same plan changes nothing. It starts what must
        be started and returns; `observe` tells when it is there. Versions that the plan does not
        name go away only after the router has stopped sending requests to them.

        Args:
            rollout: For how its versions are served and routed.
            plan: The versions and the traffic that should exist.

        Returns:
            Whether anything was done: then another look at the world may show something new.

        Raises:
            PlatformUnavailable: Something did not work this time; the next tick tries again.
        """
        ...

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        """Give a candidate's users to stable as a plan says, before any status says so.

        Nothing else is done, and nothing where somebody else has moved users since they were last
        seen: another controller may know better by now.

        Args:
            rollout: As for `apply`.
            plan: In which candidates lose users and nobody else does.

        Raises:
            PlatformUnavailable: It did not work; `apply` with the same plan tries again.
        """
        ...

    def observe(self, rollout: ModelRollout) -> World:
        """Tell what exists of this rollout now.

        Raises:
            PlatformUnavailable: The world could not be seen.
        """
        ...
