"""Whether a version can serve, from what the platform sees of its servers."""

from __future__ import annotations

from headrace.api import ModelSpec, ServingSpec, Status, Traffic
from headrace.api.fields import format_duration
from headrace.engine.observations import VersionState, World
from headrace.engine.servers import in_a_row, servers_of, times
from headrace.engine.steps import ALL_STABLE, weights_of

CRASHES_ALLOWED = 3
"""Unplanned restarts per server in a row, beyond stable's, of a candidate that may go on."""

STARTING_MARGIN = 60.0
"""Seconds for a server to be put on a machine, beside `serving.startupTimeout`."""

OOM_KILLS_ALLOWED = 1
"""Servers that the kernel may end for their memory in a rollout, per server and beyond stable's.
One may be bad luck; a version that needs more memory than it has is killed again and again."""


def state_of(world: World, model: ModelSpec | None) -> VersionState | None:
    """Give what is seen of a version; None where nothing is."""
    return None if model is None else world.versions.get(model.version)


def cannot_serve(
    status: Status, world: World, model: ModelSpec, now: float
) -> tuple[str, str] | None:
    """Give reason and sentence if a candidate will not serve by itself; None if it may.

    A single restart is told of, and no more. What ended stable's servers just as often is no fault
    of the candidate.

    Args:
        status: With the restarts since the rollout began.
        world: What is seen.
        model: The candidate.
        now: Unix seconds.
    """
    state = state_of(world, model)
    if state is None:
        return None
    if state.refused:
        reason, _, message = state.refused.partition(": ")
        return reason, message
    own = servers_of(status, model)
    if own is None:
        return None
    beside = None if model == status.stable else servers_of(status, status.stable)
    killed = own.oom_kills - (0 if beside is None else beside.oom_kills)
    each = max(1, state.wanted)
    if killed > OOM_KILLS_ALLOWED * each:
        others = f", stable's {times(beside.oom_kills)}" if beside and beside.oom_kills else ""
        message = f"its servers ran out of memory {times(own.oom_kills)} since the rollout began"
        return "CandidateOutOfMemory", f"{message}{others}"
    crashes = in_a_row(own, now) - (0 if beside is None else in_a_row(beside, now))
    if crashes > CRASHES_ALLOWED * each and state.ready < state.wanted:
        last = f", the last one {own.reason}" if own.reason else ""
        message = f"its servers ended {times(own.in_a_row)} in a row by themselves{last}"
        return "CandidateKeepsCrashing", message
    return None


def never_came_up(
    serving: ServingSpec, status: Status, world: World, model: ModelSpec, now: float
) -> tuple[str, str] | None:
    """Give reason and sentence if a candidate has had its time to start and no server is ready.

    Only before it was ever asked anything, and only while stable shows that servers can run: what
    stops both is no fault of the candidate.

    Args:
        serving: With the time that it has.
        status: With what was asked of it so far.
        world: What is seen.
        model: The candidate.
        now: Unix seconds.
    """
    state = state_of(world, model)
    requests = status.requests
    tried = status.carried_since is not None or status.elapsed or status.held
    if tried or requests.candidate or requests.mirrored or status.started is None:
        return None
    over = now - status.started > serving.startup_timeout + STARTING_MARGIN
    if state is None or state.ready or not over or not is_ready(state_of(world, status.stable)):
        return None
    message = f"after {format_duration(serving.startup_timeout)} to start it has {readiness(state)}"
    if state.last_reason and not state.waiting:
        # One that is tried again, just now, waits for nothing.
        message += f"; the last one {state.last_reason}"
    return "CandidateNeverReady", message


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
    """Say how many servers there are, and why not more."""
    if state is None:
        return "its servers are not there yet"
    why = f" ({state.waiting})" if state.waiting else ""
    return f"{state.ready} of {state.wanted} servers ready{why}"


def carried(status: Status) -> Traffic:
    """Give what the router is seen to carry, else what it was asked to; copies aside.

    What it still sends to versions that lost and are going goes to the candidate.
    """
    traffic = status.weights.asked if status.weights.seen is None else status.weights.seen
    going = {dropped.version for dropped in status.dropped}
    here = {challenger.model.version for challenger in status.challengers} - going
    further = {version: w for version, w in traffic.challengers.items() if version in here}
    kept = traffic.stable + traffic.candidate + sum(further.values())
    rest = 100 - kept if kept else 0
    update: dict[str, object] = {"mirror": 0, "challengers": further}
    name = "candidate" if traffic.candidate else "stable"
    return traffic.model_copy(update=update | {name: getattr(traffic, name) + rest})


def leads_nowhere(status: Status, world: World, traffic: Traffic) -> bool:
    """Tell whether traffic gives users to stable that candidates serve, and stable cannot.

    Args:
        status: Of a test.
        world: What is seen.
        traffic: What the router should carry.
    """
    here = carried(status)
    if traffic.stable <= here.stable or is_ready(state_of(world, status.stable)):
        return False
    return _has_living(status, world, here)


def _has_living(status: Status, world: World, traffic: Traffic) -> bool:
    """Tell whether any version that has users has a server."""
    return any(
        weight and is_ready(world.versions.get(version))
        for version, weight in weights_of(traffic, status).items()
    )


def retreat(status: Status, world: World) -> Traffic:
    """Give the traffic of a rollback: all to stable, unless that would be a way to nowhere.

    While stable is seen to have no server, those users that a living candidate has stay with it.
    No more are sent to it: it was rolled back for a reason.
    """
    traffic = carried(status)
    if not traffic.live or not is_down(state_of(world, status.stable)):
        return ALL_STABLE
    return traffic if _has_living(status, world, traffic) else ALL_STABLE
