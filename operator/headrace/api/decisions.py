"""What was decided, why it waits, and who is told: the parts of `.status` that people read."""

from __future__ import annotations

from typing import Literal

from headrace.api.fields import Instant, Part


class Paused(Part):
    """Why a rollout waits for a person."""

    reason: str
    """In one CamelCase word."""
    message: str
    """In one sentence."""
    since: Instant
    """Since when."""


class Wished(Part):
    """What a person asked for, and what came of it."""

    wish: str
    """Such as `promote` or `abort`."""
    by: str
    """Who."""
    time: Instant
    """When it was heeded."""
    answer: str
    """What came of it, in one sentence."""


class News(Part):
    """A decision that people and other systems are told of."""

    identity: str
    """Differs between any two decisions of a rollout, and is the same after a crash."""
    action: str
    """What follows: as of the decision, or `Stalled`."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence with the numbers."""
    version: str
    """What it is about."""
    time: Instant
    """When it was decided."""
    begun: bool = False
    """Whether receivers are being told. Whoever finds it so and did not begin it himself cannot
    know which of them have heard."""


class DecisionStatus(Part):
    """What the engine decided last, and why, in one sentence."""

    action: str
    """What follows."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence with the numbers."""
    time: Instant
    """When it was decided."""


Truth = Literal["True", "False", "Unknown"]


class Condition(Part):
    """A Kubernetes condition."""

    type: str
    """What it is about."""
    status: Truth
    """`True`, `False` or `Unknown`."""
    reason: str
    """Why, in one CamelCase word."""
    message: str
    """Why, in one sentence."""
    last_transition_time: Instant
    """Since when it has this status."""
    observed_generation: int = 0
    """The generation of the spec that it is about."""
