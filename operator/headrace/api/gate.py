"""A gate: another system that is asked before a rollout goes on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from headrace.api.fields import Duration, Name, Part, RuleBroken, format_duration
from headrace.errors import Fault

URL = r"^https?://[^\s/?#@]+([/?][^\s#]*)?$"
"""With no user, password or fragment: a spec is no place for secrets."""

LONGEST = 60.0
"""Seconds that a gate may take."""

Url = Annotated[
    str,
    Field(
        pattern=URL,
        max_length=2048,
        json_schema_extra={"examples": ["https://releases.example.com/gate"]},
    ),
]
"""Of a service that takes a POST."""


class Before(StrEnum):
    """What waits for a gate."""

    ROLLOUT = "Rollout"
    STEP = "Step"
    PROMOTION = "Promotion"


class Gate(Part):
    """Asked by HTTP before a rollout goes on; only a clear yes opens it."""

    name: Name
    """Names it in messages."""
    url: Url
    """Gets a POST with a question as JSON, and answers `{"approved": true, "reason": "..."}`."""
    before: Before = Before.PROMOTION
    """`Rollout` (a new version starts), `Step` (it gets more traffic), or `Promotion`."""
    timeout: Duration = 10.0
    """Within which it must have answered, at most a minute; later is no answer."""

    @model_validator(mode="after")
    def _soon(self) -> Self:
        if not 0 < self.timeout <= LONGEST:
            found = f"is {format_duration(self.timeout)}"
            expected = f"more than zero and at most {format_duration(LONGEST)}"
            raise RuleBroken([Fault("timeout", found, expected, "timeout: 10s")])
        return self
