"""Who is told of decisions. Addresses that are secrets are not written here, but named."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from headrace.api.fields import Name, Part, RuleBroken
from headrace.api.gate import Url
from headrace.errors import Fault


class CloudEvents(Part):
    """A service that takes CloudEvents 1.0 as structured JSON."""

    url: Url | None = None
    """Its address, where that is no secret."""
    key: Name | None = None
    """Names a file of the controller that holds the address, where it is one."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.key is None):
            found = "has no address" if self.url is None else "has url and key"
            raise RuleBroken([Fault("", found, "exactly one of url and key", "key: events")])
        return self


class Slack(Part):
    """An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat)."""

    key: Name
    """Names a file of the controller that holds the webhook's address, which is a secret."""


class Notification(Part):
    """One receiver: exactly one of `cloudEvents` and `slack`."""

    cloud_events: CloudEvents | None = None
    """For programs."""
    slack: Slack | None = None
    """For people."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.cloud_events is None) == (self.slack is None):
            found = "names nobody" if self.slack is None else "has cloudEvents and slack"
            expected = "exactly one of cloudEvents and slack"
            raise RuleBroken([Fault("", found, expected, "slack: {key: team}")])
        return self
