"""What is remembered of a rollout between two ticks. None of it has to survive a restart."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.api import ModelSpec
from headrace.engine.observations import World
from headrace.engine.plan import Plan
from headrace.runtime.kubernetes.complaint import Complaint, Note
from headrace.runtime.kubernetes.pieces import Piece
from headrace.runtime.kubernetes.seen import Child
from headrace.runtime.kubernetes.tally import Tally

NEVER = -1


@dataclass(slots=True)
class Memory:
    """Of one rollout.

    Attributes:
        uid: Its identity; another rollout of its name has another one.
        generation: Its spec's, when it was last applied.
        plan: What was applied last.
        pieces: What that is made of.
        settled: The change of the cache at which all of it was found in place.
        accepted: With which digest and record of fields a child was found in order.
        unsure: Children that were written or deleted, perhaps: there was no answer.
        routed: Which routes are in place, by identity, generation and digest, and since when.
        backends: Services of the Seldon operator that were found to exist.
        repaired: When a child that others keep changing is put back again, and how often it was.
        tallies: Restarts, by version.
        world: What was told last, and from what.
        notes: What people should hear.
        complaint: What the router has against the route.
        ending: Whether its namespace was seen to be on its way out, which no namespace survives.
    """

    uid: str
    generation: int = NEVER
    plan: Plan | None = None
    pieces: tuple[Piece, ...] = ()
    settled: int = NEVER
    accepted: dict[Child, tuple[str, str]] = field(default_factory=dict)
    unsure: set[Child] = field(default_factory=set)
    routed: tuple[str | None, float] = (None, 0.0)
    backends: set[str] = field(default_factory=set)
    repaired: dict[Child, tuple[float, int]] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    world: tuple[object, World] | None = None
    notes: list[Note] = field(default_factory=list)
    complaint: Complaint = field(default_factory=Complaint)
    ending: bool = False

    def tallies_of(self, models: tuple[ModelSpec, ...]) -> dict[str, Tally]:
        """Give the counts of some versions, and forget those of others."""
        self.tallies = {m.version: self.tallies.get(m.version, Tally()) for m in models}
        return self.tallies
