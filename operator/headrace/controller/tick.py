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
        now: By our clock, Unix seconds.
        ask: A person's request, if one waits.
        counters_of: Names the counters of the platform's router.
        beside: Adds what is known beside numbers and servers, as `Outside.known` does.

    Returns:
        The engine's answer, already applied; its status is to be written.
    """
    request = request_of(rollout, metrics.time(now), counters_of)
    read = Measured() if request is None else metrics.observe([request], now)[rollout.key]
    # What was counted goes by their clock, and is judged by no other.
    answer = judge(rollout, read, platform, metrics.time(now), ask, counters_of, beside)
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


def judge(
    rollout: ModelRollout,
    read: Measured,
    platform: Platform,
    now: float,
    ask: Ask | None,
    counters_of: CountersOf,
    beside: Callable[[Observations], Observations],
    deleting: float | None = None,
) -> Tick:
    """Look at the world and let the engine decide; change nothing.

    Args:
        rollout: As for `tick`, and so are `platform`, `ask`, `counters_of` and `beside`.
        read: The numbers.
        now: By the clock of the numbers, Unix seconds.
        deleting: Since when the resource is being deleted, Unix seconds; None while it is not.

    Raises:
        InvalidRollout: What the engine asks for cannot be rendered.
    """
    observations = Observations(
        read.intervals,
        read.watermarks,
        read.problems,
        world=_see(rollout, platform),
        ask=ask,
        deleting=deleting,
    )
    answer = decide(rollout.spec, rollout.status, beside(observations), now)
    return with_names(rollout, answer, now, counters_of)


def _see(rollout: ModelRollout, platform: Platform) -> World:
    try:
        return platform.observe(rollout)
    except PlatformUnavailable as error:
        return World(problem=str(error))
