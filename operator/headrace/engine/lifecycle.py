"""How a rollout begins and ends: the changes of `.status`, and nothing of the judgement."""

from __future__ import annotations

from typing import Literal

from headrace.api import (
    Analysis,
    HistoryEntry,
    ModelSpec,
    Phase,
    Requests,
    Status,
    Traffic,
    Weights,
)
from headrace.engine.checks.build import metrics_of
from headrace.engine.steps import ALL_STABLE

HISTORY_INTERVALS = 240
"""How many intervals of the stable arm's past are read before a rollout: one hour at 15 s. Enough
to learn its rates and its dispersion, and read in one query."""

_KEPT_HISTORY = 50


def begin(status: Status, analysis: Analysis, model: ModelSpec, now: float) -> Status:
    """Start a rollout of `model`: no evidence, no requests, and the stable arm's past to read."""
    since = now - HISTORY_INTERVALS * analysis.interval
    return status.model_copy(
        update={
            "phase": Phase.PROGRESSING,
            "candidate": model,
            "rejected": None,
            "step": 0,
            "carried_since": None,
            "held": 0.0,
            "elapsed": 0.0,
            "started": now,
            "requests": Requests(),
            "watermarks": {str(metric): since for metric in metrics_of(analysis)},
            "checks": [],
            "ended_by": "",
        }
    )


def leave_test(status: Status, phase: Phase) -> Status:
    """Begin to promote or to roll back: the test is over, the traffic still has to move."""
    return status.model_copy(update={"phase": phase, "carried_since": None})


def enter_step(status: Status, step: int) -> Status:
    """Go to another step: its time begins when the router is seen to carry its traffic."""
    return status.model_copy(
        update={
            "phase": Phase.PROGRESSING,
            "step": step,
            "carried_since": None,
            "held": 0.0,
            "elapsed": status.elapsed + status.held,
            "checks": [check.model_copy(update={"held": 0.0}) for check in status.checks],
        }
    )


def finish(
    status: Status,
    outcome: Literal["Live", "Promoted", "RolledBack", "Superseded"],
    reason: str,
    message: str,
    by: str,
    now: float,
) -> Status:
    """End the rollout: the candidate becomes stable, or goes."""
    candidate = status.candidate
    if candidate is None:
        return status
    entry = HistoryEntry(
        version=candidate.version,
        outcome=outcome,
        previous=status.stable.version if status.stable else "",
        reason=reason,
        message=message,
        by=by,
        started=status.started or now,
        ended=now,
        requests=status.requests,
    )
    update: dict[str, object] = {
        "candidate": None,
        "carried_since": None,
        "history": [*status.history[1 - _KEPT_HISTORY :], entry],
    }
    if outcome in ("Live", "Promoted"):
        update |= {"phase": Phase.HEALTHY, "stable": candidate, "rejected": None}
        update["weights"] = Weights(asked=ALL_STABLE, seen=None)
    elif outcome == "RolledBack":
        update |= {"phase": Phase.ROLLED_BACK, "rejected": candidate}
    else:
        update |= {"phase": Phase.HEALTHY if status.stable else Phase.IDLE}
    return status.model_copy(update=update)


def has_arrived(status: Status, traffic: Traffic) -> bool:
    """Tell whether the router carries just this traffic."""
    return status.weights.seen == traffic
