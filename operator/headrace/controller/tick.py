"""One tick: observe the world and the numbers, let the engine decide, make the world so.

Everything that can fail here is turned into something the engine can judge: a platform that does
not answer and a Prometheus that is down are told to it as such, and hold the rollout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headrace.api import ModelRollout
from headrace.controller.asking import CountersOf, local_envoy, request_of, with_names
from headrace.engine.decide import decide
from headrace.engine.decision import Tick
from headrace.engine.observations import Ask, Observations, World
from headrace.errors import PlatformUnavailable
from headrace.metrics.source import Measured, Metrics
from headrace.runtime.platform import Platform


def tick(
    rollout: ModelRollout,
    metrics: Metrics,
    platform: Platform,
    now: float,
    ask: Ask | None = None,
    counters_of: CountersOf = local_envoy,
    beside: Callable[[Observations], Observations] = lambda observations: observations,
) -> Tick:
    """Do all that one tick does but the writing of the status.

    Args:
        rollout: As it stands, with the status that the last tick wrote.
        metrics: Where the numbers come from.
        platform: Where the versions run.
        now: Unix seconds.
        ask: A person's request, if one waits.
        counters_of: Names the counters of the platform's router.
        beside: Adds what is known beside numbers and servers, as `Outside.known` does.

    Returns:
        The engine's answer, already applied; its status is to be written.
    """
    request = request_of(rollout, now, counters_of)
    read = Measured() if request is None else metrics.observe([request], now)[rollout.key]
    observations = replace(noted(read), world=see(rollout, platform), ask=ask)
    answer = decide(rollout.spec, rollout.status, beside(observations), now)
    answer = with_names(rollout, answer, now, counters_of)
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


def noted(read: Measured) -> Observations:
    """Give the engine what was read, and nothing of the world yet."""
    return Observations(read.intervals, read.watermarks, read.problems)


def see(rollout: ModelRollout, platform: Platform) -> World:
    """Look at the world; a platform that cannot be seen is told of as such."""
    try:
        return platform.observe(rollout)
    except PlatformUnavailable as error:
        return World(problem=str(error))
