"""The stages that a rollout can be in, each with its plan, derived from the spec alone.

For people who want to see what will be applied, before anything is. The controller's plans come
from the engine; a test holds that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import Challenger, ModelRollout, ModelSpec, Phase, Status, Traffic
from headrace.engine.answer import plan_of
from headrace.engine.plan import Plan
from headrace.engine.steps import ALL_CANDIDATE, ALL_STABLE
from headrace.engine.strategies.base import Strategy
from headrace.engine.strategies.build import strategy_of
from headrace.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Stage:
    """A point on a rollout's way.

    Attributes:
        name: Such as `canary:25`.
        plan: What exists then.
    """

    name: str
    plan: Plan


def stages(rollout: ModelRollout, stable: ModelSpec | None) -> tuple[Stage, ...]:
    """Give all stages, in the order in which a rollout passes them.

    Args:
        rollout: Its spec; the status is not looked at.
        stable: The version that has the users before; without it only those stages are known
            that have one version.
    """
    spec = rollout.spec
    first = Stage("first", Plan(stable=spec.model, candidate=None, traffic=ALL_STABLE))
    promoted = Stage("promoted", first.plan)
    if stable is None:
        return (first, promoted)
    strategy = strategy_of(spec)
    status = Status(
        phase=Phase.PROGRESSING,
        stable=stable,
        candidate=spec.model,
        challengers=[Challenger(model=model) for model in spec.challengers],
    )
    named = _steps(rollout, strategy, status)
    paused = Stage("paused", named[-1].plan)
    promoting = plan_of(spec, status.model_copy(update={"phase": Phase.PROMOTING}), ALL_CANDIDATE)
    leaving = status.model_copy(update={"phase": Phase.ROLLING_BACK})
    at_rest = Plan(stable=stable, candidate=None, traffic=ALL_STABLE)
    kept = Plan(stable=spec.model, candidate=None, traffic=ALL_STABLE, previous=stable)
    return (
        first,
        Stage("idle", at_rest),
        *named,
        paused,
        Stage("promoting", promoting),
        *((Stage("kept", kept),) if strategy.after.keep_previous else ()),
        promoted,
        Stage("rolling-back", plan_of(spec, leaving, ALL_STABLE)),
        Stage("rolled-back", at_rest),
    )


def chosen_stage(rollout: ModelRollout, stable: ModelSpec | None, name: str) -> Stage:
    """Give one stage by its name.

    Raises:
        InvalidInput: There is none of that name; with those that there are.
    """
    known = stages(rollout, stable)
    for stage in known:
        if stage.name == name:
            return stage
    names = ", ".join(each.name for each in known)
    hint = "" if stable else " Others need to know who has the users before: give --stable."
    raise InvalidInput(f"{rollout.key} has no stage {name!r}; it has {names}, or all.{hint}")


def _steps(rollout: ModelRollout, strategy: Strategy, status: Status) -> list[Stage]:
    """Give a stage for each different traffic of the steps, or for the start of an experiment."""
    kind = _kind(rollout)
    named: list[Stage] = []
    for index in range(max(1, len(strategy.steps))):
        traffic = strategy.traffic(status.model_copy(update={"step": index}))
        name = _name(kind, traffic)
        if all(stage.name != name for stage in named):
            named.append(Stage(name, plan_of(rollout.spec, status, traffic)))
    return named


def _kind(rollout: ModelRollout) -> str:
    strategy = rollout.spec.strategy
    fields = type(strategy).model_fields
    given = next(name for name in fields if getattr(strategy, name) is not None)
    return fields[given].alias or given


def _name(kind: str, traffic: Traffic) -> str:
    if traffic.mirror:
        return f"shadow:{traffic.mirror}"
    return f"{kind}:{traffic.live}" if traffic.live else "ready"
