"""Whether the router does as the routes in place say.

Until it does, requests may go where the routes before it went, and nothing there may be taken away.
What went before is known to nobody but the router: a route that somebody deleted is gone with all
that was said of it, and a restarted controller remembers none. So a router that speaks is waited
for, and its silence about a new route tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from headrace.runtime.kubernetes.memory import Memory
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import Child, Seen

GRACE = 5.0
"""Seconds for a router that never says when it has taken over a route, or refuses it."""


def is_taken_over(memory: Memory, children: Mapping[Child, Seen], now: float) -> bool:
    """Tell whether no request goes by an earlier route any more.

    Args:
        memory: With the pieces that are wanted, and since when their routes are in place.
        children: What exists.
        now: Seconds that only grow.
    """
    routes = [(piece, children.get(piece.child)) for piece in memory.pieces if piece.routes]
    if any(seen is None or seen.applied != piece.digest for piece, seen in routes):
        return False
    if any(piece.child in memory.unsure for piece, _ in routes):
        return False
    # One that was made anew or put back has been there only since then, whatever it says.
    placed = ",".join(f"{seen.uid}/{seen.generation}/{seen.applied}" for _, seen in routes if seen)
    if memory.routed[0] != placed:
        memory.routed = (placed, now)
    states = [seen.reading for _, seen in routes if seen is not None]
    said = [state.taken for state in states if isinstance(state, RouteState) and not state.problem]
    if False in said:
        return False
    # A router that has something against a route, or that never speaks, is given a while.
    if states and said == [True] * len(states):
        return True
    return now - memory.routed[1] >= GRACE
