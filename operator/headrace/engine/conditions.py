"""The conditions: the same answers for `kubectl wait`, GitOps and alerts as for people.

Their sentences change only with what they say, so that a condition is not news at every tick;
only that of `Progressing` tells the last decision.
"""

from __future__ import annotations

from headrace.api import Condition, Outcome, Phase, Registered, RolloutSpec, Status, Truth
from headrace.api.fields import format_duration, parse_instant
from headrace.engine.barriers import BARRED, UNKNOWN
from headrace.engine.foresight import PROVABLE
from headrace.engine.servers import health_of

READY, PROGRESSING, HEALTHY = "Ready", "Progressing", "Healthy"
DATA_AVAILABLE, STALLED = "DataAvailable", "Stalled"
SERVERS_HEALTHY, REGISTERED = "ServersHealthy", "Registered"

LONG = 600.0
"""Seconds for which a platform, a gate or Prometheus may be away before that counts as stalled."""

FOREIGN = "ServingVersionUnknown"
"""Why nothing is done: what serves the users is no version that can be told."""

NOT_MOVED = "TrafficNotMoved"
"""Why a rollout does not end: the router does not carry what its end asks for."""

MOVING = 60.0
"""Seconds in which routers move users."""

_SERVERS = ("CandidateNotReady", "WaitingForServers", "NoVersionReady", "Undoing")

State = tuple[Truth, str, str]


def conditions_of(spec: RolloutSpec, status: Status, now: float) -> list[Condition]:
    """Give all conditions; of those that are as they were, the old ones.

    Args:
        spec: Says how long is too long.
        status: With this tick's decision.
        now: Unix seconds.
    """
    data = with_state(status, DATA_AVAILABLE, _data(status), now)
    states = {
        READY: _ready(status),
        PROGRESSING: _progressing(status),
        HEALTHY: _healthy(status),
        DATA_AVAILABLE: (data.status, data.reason, data.message),
        STALLED: _stalled(spec, status, data, now),
        SERVERS_HEALTHY: health_of(status),
    }
    if status.registered is not None:
        states[REGISTERED] = _registered(status, status.registered)
    # What is said of the rollout under test goes with it; what others say is theirs.
    own = {REGISTERED, PROVABLE} if status.candidate is None else {REGISTERED}
    others = [c for c in status.conditions if c.type not in states and c.type not in own]
    return [*others, *(with_state(status, kind, state, now) for kind, state in states.items())]


def with_state(status: Status, kind: str, state: State, now: float) -> Condition:
    """Give a condition, with the time since when it has its status."""
    value, reason, message = state
    before = next((c for c in status.conditions if c.type == kind), None)
    since = before.last_transition_time if before and before.status == value else now
    return Condition(
        type=kind,
        status=value,
        reason=reason,
        message=message,
        last_transition_time=parse_instant(since),
        observed_generation=status.observed_generation,
    )


def _ready(status: Status) -> State:
    if status.stable is None:
        return "False", "NoStableVersion", "no version has the users yet"
    servers = next((s for s in status.servers if s.version == status.stable.version), None)
    if servers is not None and servers.wanted and not servers.ready:
        return "False", "StableNotReady", f"{status.stable} has no server that answers"
    return "True", "Serving", f"{status.stable} serves"


def _progressing(status: Status) -> State:
    decision = status.decision
    assert decision is not None
    waits = decision.reason in BARRED or bool(status.undoing)
    under_way = status.candidate is not None or waits
    return "True" if under_way else "False", decision.reason, decision.message


def _healthy(status: Status) -> State:
    decision = status.decision
    assert decision is not None
    if status.phase in (Phase.ROLLED_BACK, Phase.ROLLING_BACK):
        return "False", decision.reason, decision.message
    challengers = (check for c in status.challengers for check in c.checks)
    asked = [check for check in (*status.checks, *challengers) if check.reason]
    if status.candidate is None:
        if status.stable is None:
            return "Unknown", "NoStableVersion", "no version has been tried yet"
        return "True", "Live", f"{status.stable} has all the users"
    failed = next((check for check in asked if check.outcome is Outcome.FAIL), None)
    if failed is not None:
        return "False", failed.reason, f"{failed.name}: {failed.message}"
    if any(check.outcome in (Outcome.PASS, Outcome.INCONCLUSIVE) for check in asked):
        return "True", "NoHarmFound", f"no check has found harm of {status.candidate}"
    return "Unknown", "NotYetJudged", f"nothing is known of {status.candidate} yet"


def _data(status: Status) -> State:
    challengers = (check for c in status.challengers for check in c.checks)
    asked = [check for check in (*status.checks, *challengers) if check.reason]
    if status.candidate is None or not asked:
        return "Unknown", "NothingUnderTest", "nothing is observed now"
    missing = [c for c in asked if c.outcome in (Outcome.ERROR, Outcome.NO_DATA)]
    if not missing:
        return "True", "DataSeen", "every check has data"
    names = ", ".join(dict.fromkeys(check.name for check in missing))
    worst = next((check for check in missing if check.reason != "NoDataYet"), None)
    if worst is None:
        return "Unknown", "NoDataYet", f"not seen yet: {names}"
    return "False", worst.reason, f"missing: {names}"


def _registered(status: Status, registered: Registered) -> State:
    """Say whether the registry's alias is on the version that has the users."""
    version = "" if status.stable is None else status.stable.version
    where = f"on {registered.champion}" if registered.champion else "nowhere yet"
    if registered.problem:
        return "False", "AliasNotMoved", f"the alias champion is {where}: {registered.problem}"
    if registered.champion == version:
        return "True", "AliasMoved", f"the alias champion is {where}"
    return "Unknown", "AliasMoves", f"the alias champion is {where}, and follows the traffic"


def _stalled(spec: RolloutSpec, status: Status, data: Condition, now: float) -> State:
    """Say whether it can go on by itself; the decision's time says since when it is as it is."""
    decision = status.decision
    assert decision is not None
    if decision.reason == FOREIGN:
        return "True", decision.reason, decision.message
    limit = spec.analysis.max_duration
    if status.paused is not None and now - status.paused.since > limit:
        told = f"paused for more than {format_duration(limit)}: {status.paused.message}"
        return "True", status.paused.reason, told
    ends = status.phase in (Phase.PROMOTING, Phase.ROLLING_BACK) and decision.action != "Hold"
    if ends and status.carried_since is None and now - decision.time > MOVING:
        since = f"for more than {format_duration(MOVING)}"
        told = f"{since} the router has not moved the users; the Events say why: {decision.message}"
        return "True", NOT_MOVED, told
    limits = dict.fromkeys(_SERVERS, max(spec.serving.startup_timeout, 60.0))
    limits |= dict.fromkeys(("PlatformUnavailable", UNKNOWN), LONG)
    for reason, limit in limits.items():
        if decision.reason == reason and now - decision.time > limit:
            since = f"for more than {format_duration(limit)}"
            return "True", reason, f"{since}: {decision.message}"
    limit = max(spec.analysis.no_data_timeout, LONG)
    if data.status == "False" and now - data.last_transition_time > limit:
        return "True", data.reason, f"data is missing for more than {format_duration(limit)}"
    return "False", "NotStalled", "nothing waits for a person"
