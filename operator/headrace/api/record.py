"""What one tick said, kept for reports and for `headrace watch`. Nothing depends on it."""

from __future__ import annotations

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from headrace.api.fields import Instant, Part
from headrace.api.status import CheckStatus, Phase, Requests, Rewards, Traffic


class ChallengerRecord(Part):
    """What was said of a further candidate."""

    version: str
    requests: Requests
    """Its own in the candidate's fields."""
    checks: list[CheckStatus] = []


class TickRecord(Part):
    """One line of a rollout's journal."""

    time: Instant
    phase: Phase
    version: str
    """The version under test, the first of them if there are several, else the one that is live."""
    step: int
    action: str
    reason: str
    message: str
    asked: Traffic
    """The traffic that the plan asks for from now on."""
    seen: Traffic | None
    """The traffic that the router carried when the tick began."""
    requests: Requests
    checks: list[CheckStatus] = []
    """With verdicts, figures and evidence; without the tests' states."""
    challengers: list[ChallengerRecord] = []
    """Further versions under test."""
    rewards: list[Rewards] = []
    """What every arm of an experiment has earned, stable first."""
    segments: str = ""
    """Which segments of the users differ from the whole, in one sentence."""

    @model_serializer(mode="wrap")
    def _without_nobody(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        for name in ("challengers", "rewards", "segments"):
            if not getattr(self, name):
                written.pop(name, None)
        return written
