"""What is worth an Event: decisions, once each, and holds that last.

A canary that climbs says at each step that it holds, and with hundreds of rollouts the API server
would keep little else. So a hold is told when it has lasted, a climb once a minute, and everything
that ends or stops a rollout at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.engine.decision import Action, Decision

LASTING = 60.0
"""Seconds."""

_WARNINGS = (Action.ROLL_BACK, Action.PAUSE, Action.DROP)


@dataclass(slots=True)
class Told:
    """What has been told of one rollout.

    Attributes:
        action: Of the last decision.
        reason: Of the last decision.
        since: When it was first decided, Unix seconds.
        spoken: Whether it was told.
        climbed: When a climb was told last, Unix seconds, and of which reason and version.
        version: What the last decision was about.
    """

    action: Action | None = None
    reason: str = ""
    since: float = 0.0
    spoken: bool = False
    climbed: tuple[float, str, str] = (float("-inf"), "", "")
    version: str = ""

    def is_news(self, decision: Decision, version: str, now: float) -> bool:
        """Tell whether a decision is to be told now, and take note that it was.

        Args:
            decision: The engine's.
            version: What it is about.
            now: Unix seconds.
        """
        if (self.action, self.reason, self.version) != (decision.action, decision.reason, version):
            self.action, self.reason, self.version = decision.action, decision.reason, version
            self.since, self.spoken = now, False
        if decision.action is Action.ADVANCE:
            # Each step is a decision of its own, even if it says the same.
            at, *what = self.climbed
            self.spoken = what == [decision.reason, version] and now - at < LASTING
            if not self.spoken:
                self.climbed = now, decision.reason, version
        elif decision.action is Action.HOLD and now - self.since < LASTING:
            return False
        news, self.spoken = not self.spoken, True
        return news


def is_warning(decision: Decision) -> bool:
    """Tell whether somebody should look."""
    return decision.action in _WARNINGS
