"""What one tick said, kept for reports and for `headrace watch`. Nothing depends on it."""

from __future__ import annotations

from headrace.api.fields import Instant, Part
from headrace.api.status import CheckStatus, Phase, Requests, Traffic


class TickRecord(Part):
    """One line of a rollout's journal."""

    time: Instant
    phase: Phase
    version: str
    """The version under test, else the one that is live."""
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
