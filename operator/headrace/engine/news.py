"""Which decisions people and other systems are told of, and what waits to be told.

What is to be told is part of the status, so that a crash forgets none: it stays there until the
caller says that it was told (`Observations.told`). A hold is no news, but a stall is.
"""

from __future__ import annotations

from collections.abc import Sequence

from headrace.api import Condition, News, RolloutSpec, Status
from headrace.api.fields import format_instant, parse_instant
from headrace.engine.conditions import STALLED
from headrace.engine.decision import Decision
from headrace.engine.observations import Observations

KEPT = 20
"""News that wait at most; of more, the oldest are dropped."""


def with_news(
    spec: RolloutSpec,
    status: Status,
    before: Sequence[Condition],
    decision: Decision,
    now: float,
    *,
    is_new: bool,
) -> Status:
    """Add what is to be told of this tick.

    Args:
        spec: Nothing is kept for nobody.
        status: With the conditions of this tick.
        before: Those of the last one.
        decision: Of this tick.
        now: Unix seconds.
        is_new: Whether it was decided at this tick.
    """
    if not spec.notifications:
        return status.model_copy(update={"news": []}) if status.news else status
    told = [decision.action] if is_new else []
    fresh = [_news(status, one, decision.reason, decision.message, now) for one in told]
    stalled = _of(status.conditions, STALLED)
    was = _of(before, STALLED)
    if stalled is not None and stalled.status == "True" and (was is None or was.status != "True"):
        fresh.append(_news(status, STALLED, stalled.reason, stalled.message, now))
    return status.model_copy(update={"news": [*status.news, *fresh][-KEPT:]}) if fresh else status


def still_to_tell(news: Sequence[News], observations: Observations) -> list[News]:
    """Leave out what was told, and note what is being told.

    Args:
        news: Of the last tick.
        observations: Of this one.
    """
    return [
        one.model_copy(update={"begun": True}) if one.identity in observations.telling else one
        for one in news
        if one.identity not in observations.told
    ]


def _news(status: Status, action: str, reason: str, message: str, now: float) -> News:
    model = status.candidate or status.stable
    version = "" if model is None else model.version
    return News(
        identity=f"{format_instant(now)}-{action}-{version}",
        action=action,
        reason=reason,
        message=message,
        version=version,
        time=parse_instant(now),
    )


def _of(conditions: Sequence[Condition], kind: str) -> Condition | None:
    return next((c for c in conditions if c.type == kind), None)
