"""One tick: observe the world and the numbers, let the engine decide, make the world so.

Everything that can fail here is turned into something the engine can judge: a platform that does
not answer and a Prometheus that is down are told to it as such, and hold the rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headrace.api import ModelRollout
from headrace.api.freeze import frozen
from headrace.engine.checks.build import queries_of
from headrace.engine.decide import asked_of, decide, wanted_metrics
from headrace.engine.decision import Tick
from headrace.engine.gates import GateAnswer
from headrace.engine.observations import Ask, Observations, World
from headrace.errors import PlatformUnavailable
from headrace.metrics.source import Metrics, Request
from headrace.runtime.platform import Platform


def tick(
    rollout: ModelRollout,
    metrics: Metrics,
    platform: Platform,
    now: float,
    ask: Ask | None = None,
    gates: Mapping[str, GateAnswer] | None = None,
    told: frozenset[str] = frozenset(),
    deleting: float | None = None,
) -> Tick:
    """Do all that one tick does but the writing of the status.

    Args:
        rollout: As it stands, with the status that the last tick wrote.
        metrics: Where the numbers come from.
        platform: Where the versions run.
        now: Unix seconds.
        ask: A person's request, if one waits.
        gates: The last answers to the questions of the last tick, by the gate's name.
        told: Identities of the news that every receiver was told of.
        deleting: Since when the resource is being deleted, Unix seconds; None while it is not.

    Returns:
        The engine's answer, already applied; its status is to be written.
    """
    measured = _measure(rollout, metrics, now)
    observations = replace(
        measured,
        world=_see(rollout, platform),
        ask=ask,
        frozen=frozen(rollout.spec.freeze, now),
        gates=gates or {},
        generation=rollout.metadata.generation,
        told=told,
        deleting=deleting,
    )
    answer = decide(rollout.spec, rollout.status, observations, now)
    try:
        platform.apply(rollout, answer.plan)
    except PlatformUnavailable as error:
        # The plan is the same at the next tick, which tries again; people must see why it waits.
        decision = answer.status.decision
        assert decision is not None
        waits = decision.model_copy(update={"message": f"{decision.message} ({error})"})
        status = answer.status.model_copy(update={"decision": waits})
        return replace(answer, status=status)
    return answer


def _measure(rollout: ModelRollout, metrics: Metrics, now: float) -> Observations:
    """Observe all candidates together with stable, with one request."""
    status = rollout.status
    if status.stable is None or status.candidate is None or rollout.spec.suspended:
        return Observations()
    spec = asked_of(rollout.spec, status)
    candidates = (status.candidate, *(challenger.model for challenger in status.challengers))
    request = Request(
        rollout=rollout.key,
        model=spec.model.name,
        stable=status.stable.version,
        candidates=tuple(model.version for model in candidates),
        since={m: status.watermarks.get(m, now) for m in wanted_metrics(spec, status)},
        interval=spec.analysis.interval,
        queries=queries_of(spec.analysis),
    )
    measured = metrics.observe([request], now)[rollout.key]
    return Observations(measured.intervals, measured.watermarks, measured.problems)


def _see(rollout: ModelRollout, platform: Platform) -> World:
    try:
        return platform.observe(rollout)
    except PlatformUnavailable as error:
        return World(problem=str(error))
