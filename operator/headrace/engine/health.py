"""Whether a version can serve, from what the platform sees of its servers."""

from __future__ import annotations

from headrace.api import ModelSpec, Status, Traffic
from headrace.engine.observations import VersionState, World
from headrace.engine.steps import ALL_STABLE, weights_of

CRASHES_ALLOWED = 3
"""Unplanned restarts of a candidate before it counts as one that keeps crashing."""


def state_of(world: World, model: ModelSpec | None) -> VersionState | None:
    """Give what is seen of a version; None where nothing is."""
    return None if model is None else world.versions.get(model.version)


def cannot_serve(state: VersionState | None) -> tuple[str, str] | None:
    """Give reason and sentence if a version will not serve by itself; None if it may."""
    if state is None:
        return None
    if state.refused:
        reason, _, message = state.refused.partition(": ")
        return reason, message
    if state.restarts > CRASHES_ALLOWED and state.ready < state.wanted:
        return "CandidateKeepsCrashing", f"its servers ended {state.restarts} times by themselves"
    return None


def is_ready(state: VersionState | None) -> bool:
    """Tell whether at least one server is seen to answer."""
    return state is not None and state.ready > 0


def is_complete(state: VersionState | None) -> bool:
    """Tell whether all wanted servers are seen to answer."""
    return state is not None and state.ready >= state.wanted


def is_down(state: VersionState | None) -> bool:
    """Tell whether a version is seen to have no server; what is not seen is not down."""
    return state is not None and state.ready == 0


def readiness(state: VersionState | None) -> str:
    """Say how many servers there are."""
    if state is None:
        return "its servers are not there yet"
    return f"{state.ready} of {state.wanted} servers ready"


def carried(status: Status) -> Traffic:
    """Give what the router is seen to carry, else what it was asked to; copies aside."""
    traffic = status.weights.asked if status.weights.seen is None else status.weights.seen
    return traffic.model_copy(update={"mirror": 0})


def retreat(status: Status, world: World) -> Traffic:
    """Give the traffic of a rollback: all to stable, unless that would be a way to nowhere.

    While stable is seen to have no server, those users that a living candidate has stay with it.
    No more are sent to it: it was rolled back for a reason.
    """
    traffic = carried(status)
    if not traffic.live or not is_down(state_of(world, status.stable)):
        return ALL_STABLE
    living = [
        version
        for version, weight in weights_of(traffic, status).items()
        if weight and is_ready(world.versions.get(version))
    ]
    return traffic if living else ALL_STABLE
