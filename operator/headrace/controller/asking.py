"""Which numbers the next judgement of a rollout needs."""

from __future__ import annotations

from headrace.api import ModelRollout
from headrace.engine.checks.build import queries_of
from headrace.engine.decide import asked_of, wanted_metrics
from headrace.metrics.source import Request


def request_of(rollout: ModelRollout, now: float) -> Request | None:
    """Ask for all candidates together with stable; None while nothing is under test.

    Args:
        rollout: With the status that the last tick left.
        now: Unix seconds.
    """
    status = rollout.status
    if status.stable is None or status.candidate is None:
        return None
    spec = asked_of(rollout.spec, status)
    candidates = (status.candidate, *(challenger.model for challenger in status.challengers))
    return Request(
        rollout=rollout.key,
        model=spec.model.name,
        stable=status.stable.version,
        candidates=tuple(model.version for model in candidates),
        since={m: status.watermarks.get(m, now) for m in wanted_metrics(spec, status)},
        interval=spec.analysis.interval,
        queries=queries_of(spec.analysis),
    )
