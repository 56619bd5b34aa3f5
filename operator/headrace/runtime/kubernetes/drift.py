"""Which objects are not as they were applied, and what people are told about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.memory import Memory
from headrace.runtime.kubernetes.ownership import lost_fields, who_else
from headrace.runtime.kubernetes.pieces import Piece
from headrace.runtime.kubernetes.seen import Child, Seen

FIRST_PATIENCE, LONGEST_PATIENCE = 10.0, 600.0
"""Seconds between two repairs of an object that somebody keeps changing: two controllers that
fight for a field would otherwise never rest."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Compares what exists with what was applied.

    Attributes:
        memory: Of the rollout; takes the notes.
        children: What exists.
        manifest: Renders a piece again.
        now: Seconds that only grow.
    """

    memory: Memory
    children: Mapping[Child, Seen]
    manifest: Callable[[Piece], Manifest]
    now: float

    def is_due(self, piece: Piece) -> bool:
        """Tell whether an object is missing, is another than it should be, or was changed."""
        if piece.child in self.memory.unsure:
            # What is seen of it may be what it was before our own last write.
            return True
        seen = self.children.get(piece.child)
        known = self.memory.accepted.get(piece.child)
        if seen is None:
            if known is not None:
                del self.memory.accepted[piece.child]
                self._note("DeletionUndone", f"{piece} was deleted by somebody; it is made again")
            return True
        if seen.leaving or seen.applied != piece.digest or seen.owner != self.memory.uid:
            return True
        if known == (piece.digest, seen.fields):
            return False
        lost = lost_fields(self.manifest(piece), seen.fields)
        if not lost:
            self.memory.accepted[piece.child] = (piece.digest, seen.fields)
            return False
        return self._is_patience_over(piece, lost, seen)

    def _is_patience_over(self, piece: Piece, lost: tuple[str, ...], seen: Seen) -> bool:
        until, times = self.memory.repaired.get(piece.child, (0.0, 0))
        if self.now < until:
            return False
        if self.now - until > LONGEST_PATIENCE:
            times = 0
        patience = min(LONGEST_PATIENCE, FIRST_PATIENCE * 2.0**times) if times else 0.0
        self.memory.repaired[piece.child] = (self.now + patience, times + 1)
        others = who_else(seen.fields)
        by = f" by {others}" if others else ""
        what = ", ".join(lost[:3]) + (" and more" if len(lost) > 3 else "")
        self._note("EditUndone", f"{what} of {piece} was changed{by}; it is put back")
        return True

    def _note(self, reason: str, message: str) -> None:
        self.memory.notes.append((reason, message))
