"""One tick: observe the world and the numbers, let the engine decide, make the world so.

Everything that can fail here is turned into something the engine can judge: a platform that does
not answer and a Prometheus that is down are told to it as such, and hold the rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.api import ModelRollout
from headrace.api.freeze import frozen
from headrace.controller.asking import CountersOf, local_envoy, request_of, with_names
from headrace.engine.decide import decide
from headrace.engine.decision import Tick
from headrace.engine.gates import GateAnswer
from headrace.engine.observations import Ask, Observations, World
from headrace.errors import PlatformUnavailable
from headrace.metrics.source import Measured, Metrics
from headrace.runtime.platform import Platform


@dataclass(frozen=True, slots=True)
class Messages:
    """What people and other systems have to say to a tick.

    Attributes:
        ask: A person's request, if one waits.
        gates: The last answers to the questions of the last tick, by the gate's name.
        told: Identities of the news that every receiver was told of.
        deleting: Since when the resource is being deleted, Unix seconds; None while it is not.
    """

    ask: Ask | None = None
    gates: Mapping[str, GateAnswer] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    deleting: float | None = None


def tick(
    rollout: ModelRollout,
    metrics: Metrics,
    platform: Platform,
    now: float,
    messages: Messages = Messages(),
    counters_of: CountersOf = local_envoy,
) -> Tick:
    """Do all that one tick does but the writing of the status.

    Args:
        rollout: As it stands, with the status that the last tick wrote.
        metrics: Where the numbers come from.
        platform: Where the versions run.
        now: Unix seconds.
        messages: What people and other systems say.
        counters_of: Names the counters of the platform's router.

    Returns:
        The engine's answer, already applied; its status is to be written.
    """
    request = request_of(rollout, now, counters_of)
    measured = Measured() if request is None else metrics.observe([request], now)[rollout.key]
    answer = judge(rollout, measured, platform, now, messages, counters_of)
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


def judge(
    rollout: ModelRollout,
    measured: Measured,
    platform: Platform,
    now: float,
    messages: Messages,
    counters_of: CountersOf,
) -> Tick:
    """Let the engine decide on the numbers and on what is seen of the world; change nothing.

    Raises:
        InvalidRollout: What the engine asks for cannot be rendered.
    """
    observations = Observations(
        measured.intervals,
        measured.watermarks,
        measured.problems,
        world=_see(rollout, platform),
        ask=messages.ask,
        frozen=frozen(rollout.spec.freeze, now),
        gates=messages.gates,
        generation=rollout.metadata.generation,
        told=messages.told,
        deleting=messages.deleting,
    )
    answer = decide(rollout.spec, rollout.status, observations, now)
    return with_names(rollout, answer, now, counters_of)


def _see(rollout: ModelRollout, platform: Platform) -> World:
    try:
        return platform.observe(rollout)
    except PlatformUnavailable as error:
        return World(problem=str(error))
