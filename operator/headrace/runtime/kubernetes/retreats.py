"""Why users go back, as a router's object tells of it: JSON in an annotation."""

from __future__ import annotations

from dataclasses import asdict

from headrace.engine.plan import Retreat
from headrace.engine.retreats import WAYS_BACK
from headrace.runtime.kubernetes.answers import decoded
from headrace.runtime.kubernetes.json_values import packed


def retreat_text(retreat: Retreat) -> str:
    """Write it."""
    return packed(asdict(retreat)).decode()


def read_retreat(text: str) -> Retreat | None:
    """Read it; what nobody of ours has written so is nothing."""
    said = decoded(text.encode()) if text else None
    if not isinstance(said, dict) or set(said) != set(Retreat.__slots__):
        return None
    texts = (said["version"], said["action"], said["reason"], said["message"])
    if not all(isinstance(each, str) for each in texts) or said["action"] not in WAYS_BACK:
        return None
    started = said["started"]
    if isinstance(started, bool) or not isinstance(started, int | float):
        return None
    return Retreat(said["version"], float(started), said["action"], said["reason"], said["message"])
