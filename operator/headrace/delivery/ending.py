"""What has become of a version that was rolled out, read off the resource. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headrace.api import HistoryEntry, ModelRollout, Paused, Phase

Outcome = Literal[
    "Promoted", "RolledBack", "Discarded", "Superseded", "Invalid", "Deleted", "Paused", "TimedOut"
]
"""How it ended: the first five by the resource, the last three by whoever waits."""

_ENDED = (Phase.HEALTHY, Phase.ROLLED_BACK)
_OUTCOMES: dict[str, Outcome] = {
    "Live": "Promoted",
    "Promoted": "Promoted",
    "RolledBack": "RolledBack",
    "Superseded": "Superseded",
    "Discarded": "Discarded",
}


@dataclass(frozen=True)
class Ending:
    """An end.

    Attributes:
        outcome: Which.
        reason: Why, in one CamelCase word.
        message: Why, in a sentence with the numbers.
    """

    outcome: Outcome
    reason: str
    message: str


def has_ended(rollout: ModelRollout) -> bool:
    """Tell whether nothing is under way, of the spec as it is now."""
    status = rollout.status
    waits = any(c.type == "Progressing" and c.status == "True" for c in status.conditions)
    is_seen = status.observed_generation >= rollout.metadata.generation
    return status.phase in _ENDED and is_seen and not waits


def ending_of(rollout: ModelRollout, version: str) -> Ending | None:
    """Say how a version's rollout ended, None while it goes on.

    A pause is no end: it may go on.

    Args:
        rollout: With its status.
        version: Which one; the spec names it, or has named it.
    """
    status, spec = rollout.status, rollout.spec
    entry = next((e for e in reversed(status.history) if e.version == version), None)
    model = next((each for each in spec.versions if each.version == version), None)
    if model is None:
        named = ", ".join(each.version for each in spec.versions)
        message = f"{rollout.key} names {named} by now"
        return _told(entry, Ending("Superseded", "AnotherVersion", message))
    if status.phase is Phase.INVALID:
        decision = status.decision
        said = decision.message if decision else "the spec is not valid"
        return Ending("Invalid", decision.reason if decision else "InvalidSpec", said)
    if not has_ended(rollout):
        return None
    if status.stable == model:
        message = f"{version} is live"
        return _told(entry, Ending("Promoted", "Live", message), {"Live", "Promoted"})
    if model in (status.rejected, *status.also_rejected):
        message = f"{version} stays out"
        fallback = Ending("RolledBack", "RolledBack", message)
        return _told(entry, fallback, {"RolledBack", "Discarded", "Superseded"})
    return None


def pause_of(rollout: ModelRollout) -> Paused | None:
    """Say why what is under test waits for a person; None if it does not."""
    status = rollout.status
    return None if status.candidate is None else status.paused


def _told(
    entry: HistoryEntry | None, otherwise: Ending, outcomes: set[str] | None = None
) -> Ending:
    """Tell what the history says, where that is about this end."""
    if entry is None or (outcomes is not None and entry.outcome not in outcomes):
        return otherwise
    return Ending(_OUTCOMES[entry.outcome], entry.reason, entry.message)
