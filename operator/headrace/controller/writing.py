"""When a status is worth a write.

A write costs the API server and everybody who watches, so evidence alone is written every two
minutes; what is lost in a crash is read again from Prometheus. What was decided is written at once,
before anything is done about it.

The age of what was written is in the status itself: a controller that is killed again and again
would otherwise never live for two minutes, and never write what it has learned.
"""

from __future__ import annotations

import math

from headrace.api import Status

EVIDENCE_SECONDS = 120.0
"""Between two writes of nothing but evidence. With the renewals of the lease, 50 rollouts that hold
so ask the API server for less than one thing a minute each."""

_TOLD = ("conditions", "decision", "checks", "watermarks", "written")
"""Fields that every tick makes anew."""

WORDS_SECONDS = 10.0
"""Between two writes of nothing but another reason to hold. Shorter than a tick; longer than the
moment in which a step that was just entered says that it holds."""


def is_due(kept: Status, status: Status, now: float) -> bool:
    """Tell whether a status must be written now.

    Args:
        kept: The one that is kept in the resource.
        status: The one that the engine gave.
        now: Unix seconds.
    """
    if kept is status:
        return False
    if _decided(kept) != _decided(status):
        return True
    # Another controller, with another clock, may have written it.
    age = math.inf if kept.written is None else abs(now - kept.written)
    if age >= WORDS_SECONDS and _said(kept) != _said(status):
        return True
    return age >= EVIDENCE_SECONDS and kept != status


def written_over(ours: Status, found: Status) -> list[str]:
    """Name the fields that somebody else has written over.

    Args:
        ours: The status as this controller wrote it last.
        found: The one that is there now.

    Returns:
        None where another controller went on from ours, or where nothing was changed that matters.
    """
    if found.writes > ours.writes or _decided(found) == _decided(ours):
        return []
    return [
        field.alias or name
        for name, field in Status.model_fields.items()
        if name not in _TOLD and getattr(found, name) != getattr(ours, name)
    ]


def with_conditions_of(status: Status, found: Status) -> Status:
    """Take over the conditions that are not Headrace's own.

    Args:
        status: Ours.
        found: One in which others may have their conditions, too.
    """
    known = {condition.type for condition in status.conditions}
    theirs = [condition for condition in found.conditions if condition.type not in known]
    if not theirs:
        return status
    return status.model_copy(update={"conditions": [*theirs, *status.conditions]})


def _decided(status: Status) -> object:
    """Give what must survive a crash whatever Prometheus still knows."""
    ending = status.ending
    return (
        status.phase,
        status.observed_generation,
        status.stable,
        status.candidate,
        [challenger.model for challenger in status.challengers],
        [dropped.version for dropped in status.dropped],
        status.rejected,
        status.also_rejected,
        status.previous,
        None if ending is None else (ending.action, ending.reason, ending.hold),
        status.step,
        status.weights.asked,
        status.asked,
        status.registered,
        [(one.identity, one.begun) for one in status.news],
        status.ended_by,
        len(status.history),
        status.history[-1:],
    )


def _said(status: Status) -> object:
    """Give what people look for."""
    decision = status.decision
    return (
        None if decision is None else (decision.action, decision.reason),
        [(check.name, check.outcome) for check in status.checks],
        [(condition.type, condition.status) for condition in status.conditions],
    )
