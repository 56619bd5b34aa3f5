"""Users who are served by nobody that the status knows of: what serves them is adopted.

So it is after somebody has emptied the status, or put the resource back from a copy without one,
with one of long ago, or with one of a first version that was on its way, or made it anew over what
an older one of its name had left serving. Who takes most of the users counts as stable; the version
that the spec names is tried beside it like any other, and never goes live as a first one would.
Nothing moves at the tick that finds this out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headrace.api import (
    Challenger,
    ModelSpec,
    OnDelete,
    Phase,
    RolloutSpec,
    Status,
    Traffic,
    Weights,
)
from headrace.engine.answer import answer
from headrace.engine.asks import fresh
from headrace.engine.conditions import FOREIGN
from headrace.engine.decision import Action, Decision, Tick
from headrace.engine.farewell import PATIENCE
from headrace.engine.health import is_ready, state_of
from headrace.engine.lifecycle import ADOPTED, ending_of, finish, leave_test, rejected_in
from headrace.engine.observations import Observations, Serving, Wish
from headrace.engine.plan import AS_IT_IS, Plan


def serving_in(status: Status, plan: Plan | None) -> tuple[Serving, ...]:
    """Give who takes users unknown to a status, for a platform that remembers its plan.

    Args:
        status: Of the rollout.
        plan: What was carried out last; None if nothing was.
    """
    if plan is None or status.candidate is not None:
        return ()
    if any(model == status.stable for model, _ in plan.shares):
        return ()
    return tuple(Serving(model.version, weight, model) for model, weight in plan.shares)


def adoption(
    spec: RolloutSpec, status: Status, observations: Observations, now: float
) -> Tick | None:
    """Give the tick of a rollout whose status does not say who serves its users.

    Returns:
        None where it does, and where nobody serves any.
    """
    world = observations.world
    is_trying = status.candidate is not None
    if (is_trying and status.stable is not None) or is_ready(state_of(world, status.stable)):
        return None
    if observations.deleting is not None and (spec.on_delete is OnDelete.DELETE or world.ending):
        return None
    # The first version of all that was rolled back may still be in front of its users.
    out = rejected_in(status)
    is_blank = status.stable is None and not is_trying
    if world.problem and is_blank and not out:
        message = f"nothing begins before it is known what runs: {world.problem}"
        decision = Decision(Action.HOLD, "PlatformUnavailable", message)
        return _untouched(spec, status, decision, observations, now)
    named = (*out, status.previous.model) if status.previous is not None else out
    serving = [each for each in world.serving if each.model is None or each.model not in named]
    if is_trying and not any(_serves_beside(status.candidate, each) for each in serving):
        return None
    if not serving:
        return None
    serving.sort(key=lambda each: (each.weight, each.model != spec.model), reverse=True)
    first, others = serving[0], [each for each in serving[1:] if each.model is not None]
    if first.model is None and not is_blank:
        return None
    if first.model is None:
        return _unknown(spec, status, first, observations, now)
    return _adopted(spec, status, first.model, others, now)


def _serves_beside(first: ModelSpec | None, serving: Serving) -> bool:
    """Tell whether users have another version than the first one that is on its way.

    What the spec named before it, and had no server either, has no user.
    """
    return serving.is_ready and serving.model not in (None, first)


def _adopted(
    spec: RolloutSpec, status: Status, stable: ModelSpec, others: Sequence[Serving], now: float
) -> Tick:
    shared = {each.model: each.weight for each in others if each.model is not None}
    weight = 100 - sum(shared.values())
    whose = "all" if not shared else f"{weight} %"
    before = "the status names no stable version"
    if status.stable is not None:
        before = f"{status.stable} is stable by the status, and has neither servers nor users"
    message = f"{before}; {stable} has {whose} of the users: it is stable"
    decision = Decision(Action.ADVANCE, ADOPTED, message)
    status = status.model_copy(update={"candidate": stable, "started": now})
    status = finish(status, "Live", ending_of(decision), now)
    traffic = Traffic(stable=100)
    if shared:
        candidate, *more = shared
        traffic = Traffic(
            stable=weight,
            candidate=shared[candidate],
            challengers={model.version: shared[model] for model in more},
        )
        names = " and ".join(model.version for model in shared)
        message = f"{message}; nothing is known of what {names} has shown, and its users go back"
        decision = Decision(Action.ROLL_BACK, ADOPTED, message)
        status = status.model_copy(
            update={
                "candidate": candidate,
                "challengers": [Challenger(model=model) for model in more],
                "started": now,
                "weights": Weights(asked=traffic),
            }
        )
        status = leave_test(status, Phase.ROLLING_BACK, decision)
    return answer(spec, status, decision, traffic, now)


def _unknown(
    spec: RolloutSpec, status: Status, first: Serving, observations: Observations, now: float
) -> Tick | None:
    """Leave everything as it is, as nobody knows how to serve these users on."""
    ask = fresh(status, observations.ask)
    if ask is not None and ask.wish is Wish.PROMOTE_FULL:
        return None
    message = (
        f"the status names no version, and {first.name} has {first.weight} % of the users, which "
        "is none that Headrace knows how to run: everything stays as it is. Put .status.stable "
        f"back, or say `headrace promote --full` to give the users to {spec.model}"
    )
    return _untouched(spec, status, Decision(Action.HOLD, FOREIGN, message), observations, now)


def _untouched(
    spec: RolloutSpec, status: Status, decision: Decision, observations: Observations, now: float
) -> Tick:
    """Change nothing; a resource that is deleted leaves all of it behind after a while."""
    said = answer(spec, status, decision, status.weights.asked, now)
    deleting = observations.deleting
    late = deleting is not None and now - deleting > PATIENCE
    return replace(said, plan=AS_IT_IS, farewell=late)
