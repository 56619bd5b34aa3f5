"""A Service in front of a rollout, where no gateway is."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.render.kubernetes import SERVICE_PORT
from headrace.render.labels import COMPONENT, MODEL_SERVER, ROLLOUT, rollout_labels, selector
from headrace.render.manifest import Manifest, manifest
from headrace.render.names import rollout_name
from headrace.render.pods import HTTP_PORT
from headrace.render.routes import arms_of, has_live_traffic

ENGINE_PORT = 8000
"""Of Seldon's orchestrator, which is in front of the model in its pod."""

WEIGHTS = "headrace.dev/weights"
"""What the plan asks for, for a router that Headrace does not know."""


def without_router(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render a Service that has all requests answered by the arm with the largest share.

    It cannot split or copy. That is enough for blue/green, and for a router of the user's own,
    which takes the weights from an annotation.
    """
    if not has_live_traffic(plan):
        return []
    arms = arms_of(rollout, plan)
    first = max(arms, key=lambda arm: arm.weight)
    weights = ",".join(f"{arm.model.version}={arm.weight}" for arm in arms)
    chosen = selector(rollout, first.model)
    return [front_service(rollout, chosen, {WEIGHTS: weights})]


def front_service(
    rollout: ModelRollout, chosen: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Manifest:
    """Render the Service.

    Args:
        rollout: Whose it is.
        chosen: Labels of the pods behind it, beside those of the rollout.
        annotations: Of the Service.
    """
    seldon = rollout.spec.serving.backend == "Seldon"
    spec = {
        "selector": {COMPONENT: MODEL_SERVER, ROLLOUT: rollout.metadata.name, **chosen},
        "ports": [
            {
                "name": "http",
                "port": SERVICE_PORT,
                "targetPort": ENGINE_PORT if seldon else HTTP_PORT,
                "protocol": "TCP",
                "appProtocol": "http",
            }
        ],
    }
    return manifest(
        "v1",
        "Service",
        rollout_name(rollout),
        rollout.metadata.namespace,
        rollout_labels(rollout),
        {"spec": spec},
        annotations,
    )
