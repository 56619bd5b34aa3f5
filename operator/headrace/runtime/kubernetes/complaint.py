"""What people should hear of a route that its router does not carry.

Routers take a moment, and refuse a route to a Service that they have not heard of yet. So what is
wrong is told when it has lasted, and once.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.runtime.kubernetes.routes import RouteState

Note = tuple[str, str]
"""Reason in one CamelCase word, and a sentence: what an Event says."""

REFUSED_SECONDS = 5.0
"""How long a router may have something against a route before that is told."""

SILENT_SECONDS = 60.0
"""How long a router may have said nothing of a route before that is told."""


@dataclass(slots=True)
class Complaint:
    """What is wrong with one route.

    Attributes:
        note: What there is to tell; None for nothing.
        since: When that was first found, in seconds that only grow.
        told: Whether people have been told.
    """

    note: Note | None = None
    since: float = 0.0
    told: bool = False

    def look(self, route: RouteState | None, provider: str, now: float) -> None:
        """Take how a route is now.

        Args:
            route: As it was read; None if there is none.
            provider: Of the route, as the spec names it.
            now: Seconds that only grow.
        """
        note = None if route is None else _note(route, provider)
        if note != self.note:
            self.note, self.since, self.told = note, now, False

    def due(self, now: float) -> list[Note]:
        """Give what is to be told now, once."""
        if self.note is None or self.told:
            return []
        lasting = REFUSED_SECONDS if self.note[0] == "RouteRefused" else SILENT_SECONDS
        self.told = now - self.since >= lasting
        return [self.note] if self.told else []


def _note(route: RouteState, provider: str) -> Note | None:
    if route.problem:
        return "RouteRefused", f"the router ({provider}) says: {route.problem}"
    if route.taken is False and provider == "Seldon":
        return "RouteWaits", (
            "the Seldon operator is not done: it moves no users until every server of every "
            "version is ready. Look at those that are not; with routing.provider GatewayAPI or "
            "Istio nobody waits for them"
        )
    if route.taken is False:
        return "RouteIgnored", (
            f"the router ({provider}) does not say that it has taken over the route: is it there, "
            "and its controller at work? Until it does, nothing that had requests is taken away"
        )
    return None
