"""A rollout that nobody looks after but Headrace, as it is simulated and replayed."""

from __future__ import annotations

from headrace.api import RolloutSpec


def unattended(spec: RolloutSpec) -> RolloutSpec:
    """Leave out what only the present has: calendars, gates, receivers, and being suspended."""
    return spec.model_copy(
        update={"freeze": [], "gates": [], "notifications": [], "suspended": False}
    )
