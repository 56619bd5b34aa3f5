"""How a rollout begins and ends: the changes of `.status`, and nothing of the judgement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from headrace.api import (
    Challenger,
    Dropped,
    Ending,
    HistoryEntry,
    Kept,
    ModelSpec,
    Paused,
    Phase,
    Requests,
    RolloutSpec,
    Status,
    Traffic,
    Weights,
)
from headrace.api.fields import milliseconds
from headrace.engine.decision import Decision
from headrace.engine.observations import UNREAD, Observations
from headrace.engine.servers import begun
from headrace.engine.steps import ALL_STABLE
from headrace.engine.strategies.build import metrics_of

HISTORY_INTERVALS = 240
"""How many intervals of the stable arm's past are read before a rollout: one hour at 15 s. Enough
to learn its rates and its dispersion, and read in one query."""

_KEPT_HISTORY = 50

ADOPTED = "ServingVersionAdopted"
"""Why a version is stable that served users while the status named none, and why others that
shared these users go back."""

Outcome = Literal["Live", "Promoted", "RolledBack", "Superseded", "Discarded"]

_NOTHING_UNDER_TEST: dict[str, object] = {
    "challengers": [],
    "dropped": [],
    "read_since": None,
    "carried_since": None,
    "ending": None,
    "goal": None,
    "learning": None,
    "paused": None,
    "waited": 0.0,
    "undoing": "",
}


def rejected_in(status: Status) -> tuple[ModelSpec, ...]:
    """Give the versions that were tried and stay out until somebody asks for them again."""
    first = () if status.rejected is None else (status.rejected,)
    return (*first, *status.also_rejected)


def wanted(spec: RolloutSpec, status: Status, *, again: bool = False) -> tuple[ModelSpec, ...]:
    """Give the versions that should be tried: named, not live, and not tried before.

    Args:
        spec: Names them.
        status: Knows the others.
        again: Whether those that were tried before are to be tried again.
    """
    out = () if again else rejected_in(status)
    return tuple(v for v in spec.versions if v != status.stable and v not in out)


def begin(status: Status, spec: RolloutSpec, models: Sequence[ModelSpec], now: float) -> Status:
    """Start a rollout: no evidence, no requests, and the stable arm's past to read.

    Args:
        status: As the last one left it.
        spec: Says how far back that is, and which versions are still named.
        models: The candidates, at least one; several only where the strategy can.
        now: Unix seconds.
    """
    since = now - HISTORY_INTERVALS * spec.analysis.interval
    watermarks = {str(metric): since for metric in metrics_of(spec)}
    update: dict[str, object] = {
        "phase": Phase.PROGRESSING,
        "candidate": models[0],
        "step": 0,
        "held": 0.0,
        "elapsed": 0.0,
        "started": now,
        "requests": Requests(),
        "watermarks": watermarks,
        "checks": [],
        "ended_by": "",
        "previous": None,
        "servers": begun(status.servers),
    }
    challengers = [Challenger(model=model) for model in models[1:]]
    update |= _NOTHING_UNDER_TEST | {"challengers": challengers}
    out = [v for v in rejected_in(status) if v in spec.versions and v not in models]
    return status.model_copy(update=update | _rejecting(out))


def leave_test(status: Status, phase: Phase, decision: Decision) -> Status:
    """Begin to promote or to roll back: the test is over, the traffic still has to move."""
    return status.model_copy(
        update={
            "phase": phase,
            "paused": None,
            "carried_since": None,
            "elapsed": milliseconds(status.elapsed + status.held),
            "held": 0.0,
            "ending": ending_of(decision),
        }
    )


def ending_of(decision: Decision) -> Ending:
    """Remember why a rollout ends, whatever is said until it has ended."""
    return Ending(action=decision.action, reason=decision.reason, message=decision.message)


def switch(status: Status, decision: Decision) -> Status:
    """Begin to promote a candidate: the others are out, stable still runs."""
    return leave_test(_choose(status, decision.version), Phase.PROMOTING, decision)


def _choose(status: Status, version: str) -> Status:
    candidate = status.candidate
    assert candidate is not None
    if not status.challengers:
        return status
    models = [candidate, *(challenger.model for challenger in status.challengers)]
    chosen = next((model for model in models if model.version == version), candidate)
    others = [model for model in models if model != chosen]
    update: dict[str, object] = {"candidate": chosen, "also_rejected": others}
    update |= {"challengers": [], "dropped": []}
    for challenger in status.challengers:
        if challenger.model == chosen:
            ours, own = status.requests, challenger.requests
            update["checks"] = challenger.checks
            update["requests"] = own.model_copy(
                update={"stable": ours.stable, "failed_stable": ours.failed_stable}
            )
    return status.model_copy(update=update)


def pause(status: Status, decision: Decision, now: float) -> Status:
    """Wait for a person."""
    paused = Paused(reason=decision.reason, message=decision.message, since=now)
    return status.model_copy(update={"phase": Phase.PAUSED, "paused": paused})


def resume(status: Status) -> Status:
    """Go on at the step where it stopped, with all of `maxDuration` to come."""
    update = {"phase": Phase.PROGRESSING, "paused": None, "waited": status.elapsed + status.held}
    return status.model_copy(update=update)


def drop(status: Status, decision: Decision) -> Status:
    """Take one of several candidates out of the test."""
    out = Dropped(version=decision.version, reason=decision.reason, message=decision.message)
    return status.model_copy(update={"dropped": [*status.dropped, out]})


def enter_step(status: Status, step: int) -> Status:
    """Go to another step: its time begins when the router is seen to carry its traffic."""
    return status.model_copy(
        update={
            "phase": Phase.PROGRESSING,
            "paused": None,
            "step": step,
            "carried_since": None,
            "held": 0.0,
            "elapsed": milliseconds(status.elapsed + status.held),
            "checks": [check.model_copy(update={"held": 0.0}) for check in status.checks],
        }
    )


def go_back(status: Status, decision: Decision, by: str, now: float) -> Status:
    """Begin to return to the previous version, which still runs: a rollback at its last step."""
    assert status.previous is not None
    status = leave_test(status, Phase.ROLLING_BACK, decision)
    assert status.previous is not None
    return status.model_copy(
        update={
            "candidate": status.stable,
            "stable": status.previous.model,
            "previous": None,
            "predecessor": None,
            "undoing": "",
            "servers": begun(status.servers),
            "started": now,
            "requests": Requests(),
            "ended_by": by,
            "checks": [],
        }
    )


def finish(
    status: Status, outcome: Outcome, ending: Ending, now: float, keep_previous: float = 0.0
) -> Status:
    """End the rollout: the candidate becomes stable, or goes.

    Args:
        status: With the candidate.
        outcome: How it ended.
        ending: Why.
        now: Unix seconds.
        keep_previous: Seconds for which stable's servers run on after a promotion.
    """
    candidate = status.candidate
    if candidate is None:
        return status
    entry = HistoryEntry(
        version=candidate.version,
        outcome=outcome,
        previous=status.stable.version if status.stable else "",
        reason=ending.reason,
        message=ending.message,
        by=status.ended_by or "headrace",
        started=status.started or now,
        ended=now,
        requests=status.requests,
    )
    update: dict[str, object] = {
        "candidate": None,
        "history": [*status.history[1 - _KEPT_HISTORY :], entry],
        **_NOTHING_UNDER_TEST,
    }
    if outcome in ("Live", "Promoted"):
        # Others of the same experiment lost; a version that was tried before it is forgotten.
        update |= {"phase": Phase.HEALTHY, "stable": candidate}
        update |= _rejecting(status.also_rejected)
        update["weights"] = Weights(asked=ALL_STABLE, seen=None)
        update["predecessor"] = status.stable
        if status.stable is not None and keep_previous:
            update["previous"] = Kept(model=status.stable, until=now + keep_previous)
    elif outcome == "Superseded":
        update |= {"phase": Phase.HEALTHY if status.stable else Phase.IDLE}
    else:
        rolled_back = outcome == "RolledBack"
        update |= {"phase": Phase.ROLLED_BACK if rolled_back else Phase.HEALTHY}
        models = [candidate, *(challenger.model for challenger in status.challengers)]
        update |= _rejecting([*models, *rejected_in(status)])
    return status.model_copy(update=update)


def without_a_past(status: Status, spec: RolloutSpec) -> Status:
    """Give a status whose candidates are what the spec names, and of which nothing else is known.

    Returns:
        One at rest, where the spec names nothing but the stable version.
    """
    first, *others = wanted(spec, status, again=True) or (None,)
    update: dict[str, object] = {"candidate": first, "requests": Requests()}
    update |= _NOTHING_UNDER_TEST
    update["challengers"] = [Challenger(model=model) for model in others if model is not None]
    update["phase"] = Phase.HEALTHY if first is None else Phase.PROGRESSING
    return status.model_copy(update=update)


def forget_unnamed(status: Status, spec: RolloutSpec) -> Status:
    """Forget what was tried and is not named any more, so that it may be tried once again."""
    out = [model for model in rejected_in(status) if model in spec.versions]
    return status.model_copy(update=_rejecting(out))


def _rejecting(models: Sequence[ModelSpec]) -> dict[str, object]:
    distinct = list(dict.fromkeys(model.version for model in models))
    kept = [next(m for m in models if m.version == version) for version in distinct]
    return {"rejected": kept[0] if kept else None, "also_rejected": kept[1:]}


def note_arrival(status: Status, traffic: Traffic, now: float) -> Status:
    """Remember since when the router is seen to carry what is asked for."""
    if status.carried_since is None and status.weights.seen == traffic:
        return status.model_copy(update={"carried_since": now})
    return status


def note_reading(status: Status, observations: Observations, now: float) -> Status:
    """Remember since when the numbers of a rollout can be read, the past of stable among them."""
    if status.read_since is not None:
        return status
    if any(problem.reason in UNREAD for problem in observations.problems):
        return status
    # A look between two readings tells nothing; who asks for no numbers waits for none.
    seen = observations.intervals or observations.watermarks or observations.problems
    was_read = seen or not status.watermarks
    return status.model_copy(update={"read_since": now}) if was_read else status
