"""A whole plan as manifests: the backend's, the router's, and the monitoring's."""

from __future__ import annotations

from dataclasses import replace

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.render.comparison import comparison
from headrace.render.customization import customized
from headrace.render.front import without_router
from headrace.render.gateway import gateway
from headrace.render.istio import istio
from headrace.render.kubernetes import kubernetes
from headrace.render.manifest import Manifest
from headrace.render.monitoring import monitoring
from headrace.render.seldon import seldon


def render(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render everything that a plan asks for, in the order in which it is applied.

    The same input gives the same manifests. Versions come before the routes to them.

    Args:
        rollout: For how versions are served, routed and watched; its status is not looked at.
        plan: The versions and the traffic that should exist.

    Raises:
        InvalidRollout: The backend or the router cannot do what the plan asks for, or the spec's
            template changes what it must not.
    """
    backend = rollout.spec.serving.backend
    versions = seldon(rollout, plan) if backend == "Seldon" else kubernetes(rollout, plan)
    ours = [
        *versions,
        *comparison(rollout, plan),
        *_routes(rollout, plan),
        *monitoring(rollout),
    ]
    return ours if rollout.spec.serving.template is None else customized(rollout, plan, ours)


def rerender(rollout: ModelRollout, before: Plan, plan: Plan) -> list[Manifest] | None:
    """Render what a plan changes of another where only users are moved: most plans of a rollout.

    Args:
        rollout: As for `render`; the same for both plans.
        before: A plan that was rendered.
        plan: The next one.

    Returns:
        Objects in the place of those of the same kind and name; None where others may change, or
        come and go.

    Raises:
        InvalidRollout: As of `render`.
    """
    spec = rollout.spec
    if spec.serving.template is not None or spec.routing.provider == "Seldon":
        return None
    if bool(before.shares) != bool(plan.shares):
        return None
    if bool(before.traffic.mirror) != bool(plan.traffic.mirror):
        return None
    moved = replace(
        before,
        traffic=plan.traffic,
        sticky=plan.sticky,
        retreating=plan.retreating,
        retreat=plan.retreat,
    )
    return _routes(rollout, plan) if moved == plan else None


def _routes(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    match rollout.spec.routing.provider:
        case "GatewayAPI":
            return gateway(rollout, plan)
        case "Istio":
            return istio(rollout, plan)
        case "None":
            return without_router(rollout, plan)
        case "Seldon":
            if rollout.spec.serving.backend == "Seldon":
                return []
            expected = "GatewayAPI, Istio or None, or the backend Seldon"
            problem = "is Seldon, and spec.serving.backend is Kubernetes"
            fault = Fault("spec.routing.provider", problem, expected)
            raise InvalidRollout(rollout.key, [fault])
