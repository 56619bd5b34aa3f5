"""One tick: observe the world and the numbers, let the engine decide, make the world so.

Everything that can fail here is turned into something the engine can judge: a platform that does
not answer and a Prometheus that is down are told to it as such, and hold the rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.checks.build import queries_of
from headrace.engine.decide import decide, wanted_metrics
from headrace.engine.decision import Tick
from headrace.engine.observations import Ask, MetricKey, Observations, World
from headrace.errors import PlatformUnavailable
from headrace.metrics.source import Measured, Metrics, Request
from headrace.runtime.platform import Platform


def tick(
    rollout: ModelRollout,
    metrics: Metrics,
    platform: Platform,
    now: float,
    ask: Ask | None = None,
) -> Tick:
    """Do all that one tick does but the writing of the status.

    Args:
        rollout: As it stands, with the status that the last tick wrote.
        metrics: Where the numbers come from.
        platform: Where the versions run.
        now: Unix seconds.
        ask: A person's request, if one waits.

    Returns:
        The engine's answer, already applied; its status is to be written.
    """
    measured = _measure(rollout, metrics, now)
    observations = replace(measured, world=_see(rollout, platform), ask=ask)
    answer = decide(rollout.spec, rollout.status, observations, now)
    try:
        platform.apply(rollout, answer.plan)
    except PlatformUnavailable as error:
        # The plan is the same at the next tick, which tries again; people must see why it waits.
        decision = answer.status.decision
        assert decision is not None
        told = decision.model_copy(update={"message": f"{decision.message} ({error})"})
        status = answer.status.model_copy(update={"decision": told})
        return Tick(answer.decision, answer.plan, status, answer.verdicts)
    return answer


def _measure(rollout: ModelRollout, metrics: Metrics, now: float) -> Observations:
    """Observe every candidate together with stable: each pair is a request of its own."""
    status = rollout.status
    if status.stable is None or status.candidate is None:
        return Observations()
    wanted = wanted_metrics(rollout.spec, status)
    first = _pair(rollout, metrics, now, status.candidate, status.watermarks, wanted)
    intervals, problems = list(first.intervals), list(first.problems)
    watermarks = {}
    for challenger in status.challengers:
        model = challenger.model
        pair = _pair(rollout, metrics, now, model, challenger.watermarks, wanted)
        intervals += [replace(interval, challenger=model.version) for interval in pair.intervals]
        problems += [problem for problem in pair.problems if problem not in problems]
        watermarks[model.version] = pair.watermarks
    return Observations(tuple(intervals), first.watermarks, tuple(problems), challengers=watermarks)


def _pair(
    rollout: ModelRollout,
    metrics: Metrics,
    now: float,
    candidate: ModelSpec,
    watermarks: Mapping[str, float],
    wanted: tuple[MetricKey, ...],
) -> Measured:
    assert rollout.status.stable is not None
    request = Request(
        rollout=rollout.key,
        model=rollout.spec.model.name,
        stable=rollout.status.stable.version,
        candidate=candidate.version,
        since={metric: watermarks.get(metric, now) for metric in wanted},
        interval=rollout.spec.analysis.interval,
        queries=queries_of(rollout.spec.analysis),
    )
    return metrics.observe([request], now)[rollout.key]


def _see(rollout: ModelRollout, platform: Platform) -> World:
    try:
        return platform.observe(rollout)
    except PlatformUnavailable as error:
        return World(problem=str(error))
