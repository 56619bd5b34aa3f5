"""What is worth an Event: decisions, once each, and holds that last.

A canary that climbs says at each step that it holds, and with hundreds of rollouts the API server
would keep little else. So a hold is told when it has lasted, a climb every two minutes, and
everything that ends or stops a rollout at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.engine.decision import Action, Decision

LASTING = 60.0
"""Seconds for which a hold is no news."""

CLIMBING = 120.0
"""Seconds for which another step of a climb is no news."""

_WARNINGS = (Action.ROLL_BACK, Action.PAUSE, Action.DROP)


@dataclass(slots=True)
class Told:
    """What has been told of one rollout.

    Attributes:
        last: Action, reason and version of what was told last, and since when that was decided.
        climbed: Reason and version of the climb that was told last, and when; Unix seconds.
    """

    last: tuple[Action, str, str, float] | None = None
    climbed: tuple[str, str, float] = ("", "", float("-inf"))

    def is_news(self, decision: Decision, version: str, since: float, now: float) -> bool:
        """Tell whether a decision is to be told now, and take note that it was.

        Args:
            decision: The engine's.
            version: What it is about.
            since: Since when it is the same decision, as the status says; Unix seconds.
            now: Unix seconds.
        """
        what = (decision.action, decision.reason, version, since)
        if decision.action is Action.ADVANCE:
            # Each step is a decision of its own, even if it says the same.
            *climb, at = self.climbed
            if climb == [decision.reason, version] and now - at < CLIMBING:
                return False
            self.climbed = decision.reason, version, now
        elif what == self.last or (decision.action is Action.HOLD and now - since < LASTING):
            return False
        self.last = what
        return True


def is_warning(decision: Decision) -> bool:
    """Tell whether somebody should look."""
    return decision.action in _WARNINGS
