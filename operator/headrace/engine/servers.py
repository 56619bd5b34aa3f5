"""How servers have fared since the rollout began: restarts, ends for lack of memory, readiness.

A platform counts from when a version was first started, and begins anew when it has forgotten. What
matters for a rollout is what was added since it began; like everything, that lives in `.status`.
"""

from __future__ import annotations

from headrace.api import ModelSpec, Servers, Status, Truth
from headrace.api.fields import parse_instant
from headrace.engine.observations import VersionState, World

CALM = 600.0
"""Seconds without a restart after which the next one is the first of a row again. Kubernetes
forgets its backoff after as long, and waits for at most half of it between two restarts."""


def note_servers(status: Status, world: World, now: float) -> list[Servers]:
    """Count what was added to the platform's counters.

    Args:
        status: With the counts so far.
        world: What is seen; of versions that are not in it, nothing changes.
        now: Unix seconds.

    Returns:
        The counts of every version that may have servers, stable first.
    """
    known = {servers.version: servers for servers in status.servers}
    counted = []
    for model in _versions(status):
        state, before = world.versions.get(model.version), known.get(model.version)
        if state is not None:
            before = _counted(before or _first(model, state, status), state, now)
        if before is not None:
            counted.append(before)
    return counted


def begun(servers: list[Servers]) -> list[Servers]:
    """Give the counts at the start of a rollout: all zero, from where the platform's are now."""
    return [
        Servers(
            version=before.version,
            wanted=before.wanted,
            ready=before.ready,
            seen_restarts=before.seen_restarts,
            seen_oom_kills=before.seen_oom_kills,
        )
        for before in servers
    ]


def servers_of(status: Status, model: ModelSpec | None) -> Servers | None:
    """Give the counts of a version; None before it was seen."""
    version = "" if model is None else model.version
    return next((servers for servers in status.servers if servers.version == version), None)


def in_a_row(servers: Servers, now: float) -> int:
    """Give the restarts since the last long calm."""
    last = servers.last_restart
    return 0 if last is None or now - last > CALM else servers.in_a_row


def times(number: int) -> str:
    """Write how often, such as `once` or `3 times`."""
    return "once" if number == 1 else f"{number} times"


def health_of(status: Status) -> tuple[Truth, str, str]:
    """Give status, reason and sentence of the condition `ServersHealthy`."""
    unready = [s for s in status.servers if s.ready < s.wanted]
    restarted = [s for s in status.servers if s.restarts]
    if not status.servers:
        return "Unknown", "ServersNotSeen", "no server has been seen yet"
    said = [f"{s.version}: {s.ready} of {s.wanted} servers ready" for s in unready]
    said += [_restarts(s) for s in restarted]
    if unready:
        return "False", "ServersNotReady", "; ".join(said)
    if any(s.oom_kills for s in restarted):
        return "False", "ServersOutOfMemory", "; ".join(said)
    if restarted:
        return "False", "ServersRestarted", "; ".join(said)
    return "True", "ServersReady", "all servers are ready, and none has restarted"


def _restarts(servers: Servers) -> str:
    message = f"{servers.version}: its servers restarted {times(servers.restarts)}"
    if servers.oom_kills:
        message += f", {times(servers.oom_kills)} for lack of memory"
    return f"{message} (the last one {servers.reason})" if servers.reason else message


def _versions(status: Status) -> list[ModelSpec]:
    """Give every version that may have servers, each once."""
    previous = None if status.previous is None else status.previous.model
    challengers = (challenger.model for challenger in status.challengers)
    out = {dropped.version for dropped in status.dropped}
    named = (status.stable, status.candidate, *challengers, previous)
    models = {model.version: model for model in named if model and model.version not in out}
    return list(models.values())


def _first(model: ModelSpec, state: VersionState, status: Status) -> Servers:
    # A candidate is started by its rollout. Stable has a past, which is not of this rollout.
    if model != status.stable:
        return Servers(version=model.version)
    return Servers(
        version=model.version, seen_restarts=state.restarts, seen_oom_kills=state.oom_kills
    )


def _counted(before: Servers, state: VersionState, now: float) -> Servers:
    if _as_before(before, state):
        return before
    more = _more(before.seen_restarts, state.restarts)
    kills = _more(before.seen_oom_kills, state.oom_kills)
    update: dict[str, object] = {
        "wanted": state.wanted,
        "ready": state.ready,
        "seen_restarts": state.restarts,
        "seen_oom_kills": state.oom_kills,
        "oom_kills": before.oom_kills + kills,
    }
    if more:
        update |= {
            "restarts": before.restarts + more,
            "in_a_row": in_a_row(before, now) + more,
            "last_restart": parse_instant(now),
            "reason": state.last_reason,
        }
    return before.model_copy(update=update)


def _as_before(before: Servers, state: VersionState) -> bool:
    return (before.wanted, before.ready, before.seen_restarts, before.seen_oom_kills) == (
        state.wanted,
        state.ready,
        state.restarts,
        state.oom_kills,
    )


def _more(before: int, now: int) -> int:
    return now - before if now >= before else now
