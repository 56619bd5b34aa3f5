"""The values of a report, which are also the fields of `report.json`.

What charts need beside them (every tick, the analysis of the spec) is here too, but not in JSON.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from headrace.api import Analysis, Outcome, TickRecord
from headrace.api.fields import Instant
from headrace.api.status import Interval

ReleaseOutcome = Literal["Live", "Promoted", "RolledBack", "Superseded", "Discarded", "InProgress"]


class Value(BaseModel):
    """A part of a report: immutable, snake_case in JSON."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Counts(Value):
    """Requests by who got them."""

    stable: int = 0
    candidate: int = 0
    mirrored: int = 0
    """Copies; their answers reached nobody."""


class AskedWeights(Value):
    """The traffic that was asked for, whole per cent."""

    stable: int = 0
    candidate: int = 0
    mirror: int = 0
    challengers: dict[str, int] = {}
    """Of further candidates, by version."""


class DecisionEntry(Value):
    """One decision, for as long as it stayed the same."""

    time: Instant
    until: Instant
    """When it was last repeated; equal to `time` when it was said once."""
    action: str
    reason: str
    message: str
    """As it was said first."""
    weights: AskedWeights


class CheckEntry(Value):
    """What a check said last."""

    name: str
    metric: str
    """Empty when the spec no longer has the check."""
    outcome: Outcome
    reason: str
    message: str
    stable: Interval | None
    candidate: Interval | None
    stable_samples: int
    candidate_samples: int


class CandidateEntry(Value):
    """One of several candidates of a release."""

    version: str
    requests: int
    """Live requests that it answered."""
    failed: int
    earned: Interval | None
    """Its mean reward; none where that was not the goal."""
    rewards: float
    """How many rewards came back."""
    checks: tuple[CheckEntry, ...]


class Release(Value):
    """One version's way: from its start beside stable to its end."""

    version: str
    previous: str
    """The version that was stable when it began; empty for the first."""
    outcome: ReleaseOutcome
    reason: str
    message: str
    by: str
    """`headrace`, or the person who ended it; empty while it goes on."""
    decisions: tuple[DecisionEntry, ...]
    requests: Counts
    failed_requests: int
    """Live requests of both arms that failed."""
    failed: Counts
    started: Instant
    ended: Instant | None
    duration_seconds: float
    """Until now while it goes on."""
    affected: str
    """Who was affected, as a sentence without full stop."""
    checks: tuple[CheckEntry, ...]
    candidates: tuple[CandidateEntry, ...] = ()
    """Every candidate where there were several, the first one first; else none."""
    segments: str = ""
    """Which segments of the users differed from the whole, in one sentence."""
    made_of: dict[str, str] = {}
    """What the version was made of: its bundle's digest, data, code and run, where known."""
    ticks: tuple[TickRecord, ...] = Field(default=(), exclude=True, repr=False)


class Event(Value):
    """Something that happened beside the decisions, such as a process that was restarted."""

    time: Instant
    subject: str
    message: str


class ClientCounts(Value):
    """What the users saw, counted by the load itself."""

    sent: int
    answered: int
    """Of those, how many got an answer that was not an error."""
    failed: dict[str, int] = {}
    """Failures by cause, such as `HTTP 500` or `timeout`."""
    answers: dict[str, dict[str, int]] = {}
    """Per version (or arm) that answered, the answers by status."""


class Report(Value):
    """Everything that is told."""

    title: str
    rollout: str
    """`namespace/name`."""
    summary: str
    created: Instant
    releases: tuple[Release, ...]
    events: tuple[Event, ...]
    client: ClientCounts | None
    analysis: Analysis = Field(exclude=True, repr=False)
    """As the spec has it now: the checks' metrics, quantiles and limits, and the risks."""
