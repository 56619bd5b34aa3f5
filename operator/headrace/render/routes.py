"""What every router says of a plan: paths, headers, and who gets what.

Both routers know three kinds of rules. The *live* one splits by weight, and copies. *Sticky* ones,
one for each arm, take those who bring its cookie. *Direct* ones, one for each version, take those
who name a version: feedback, which belongs to the version that answered, and tests.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import ModelRollout, ModelSpec, Stickiness
from headrace.engine.plan import Plan
from headrace.protocol import ARM_HEADER, VERSION_HEADER
from headrace.render.names import service_name


@dataclass(frozen=True, slots=True)
class Arm:
    """A version as a router sees it.

    Attributes:
        model: The version.
        role: `stable`, `candidate` or `previous`, as its answers say it.
        service: Where its requests go.
        weight: Whole per cent of live requests.
    """

    model: ModelSpec
    role: str
    service: str
    weight: int

    @property
    def headers(self) -> dict[str, str]:
        """What its answers say about it."""
        return {VERSION_HEADER: self.model.version, ARM_HEADER: self.role}


def arms_of(rollout: ModelRollout, plan: Plan) -> tuple[Arm, ...]:
    """Give the arms of live requests, also those at zero: stable first, then the candidates.

    The order never changes, as some routers count by position.
    """
    weights = dict(plan.shares)
    models = (*(() if plan.stable is None else (plan.stable,)), *plan.candidates)
    return tuple(
        Arm(
            model,
            "stable" if model == plan.stable else "candidate",
            service_name(rollout, model),
            weights.get(model, 0),
        )
        for model in models
    )


def direct_arms(rollout: ModelRollout, plan: Plan) -> tuple[Arm, ...]:
    """Give everybody who can be asked by name."""
    arms = arms_of(rollout, plan)
    if plan.previous is None:
        return arms
    return (*arms, Arm(plan.previous, "previous", service_name(rollout, plan.previous), 0))


def sticky_arms(rollout: ModelRollout, plan: Plan) -> tuple[Arm, ...]:
    """Give the arms that users stay with; none where they need not."""
    if plan.sticky is None:
        return ()
    return tuple(arm for arm in arms_of(rollout, plan) if arm.weight)


def has_live_traffic(plan: Plan) -> bool:
    """Say whether anybody answers."""
    return bool(plan.shares)


def set_cookie(sticky: Stickiness, version: str) -> str:
    """Write the cookie that keeps a user with a version."""
    age = round(sticky.ttl)
    return f"{sticky.cookie}={version}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax"


def cookie_pattern(sticky: Stickiness, version: str) -> str:
    """Write the expression, of a whole header, that finds the cookie among others."""
    # Of the characters that a version can have, only the dot means something else.
    value = version.replace(".", "[.]")
    return f"(.*; *)?{sticky.cookie}={value}( *;.*)?"


def timeout_of(rollout: ModelRollout) -> str:
    """Write the time for an answer as both routers take it, such as `10s` or `2500ms`."""
    milliseconds = max(1, round(rollout.spec.routing.timeout * 1000))
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
