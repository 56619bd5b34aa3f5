"""Seldon Core v1: one SeldonDeployment, with Seldon's own routing or with routes of ours over it.

What its operator does and does not decides the shape:

- It moves traffic only while every predictor is ready. So a retreat removes the candidate's
  predictor instead of giving it a weight of zero, which a crashing candidate would never allow.
- `traffic` restarts no pods. Annotations of the spec and of predictors do, so nothing that changes
  is written there.
- A predictor is named after its version, as another name means other pods.
"""

from __future__ import annotations

from typing import Any

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.plan import Plan
from headrace.errors import Fault, InvalidRollout
from headrace.render.front import ENGINE_PORT
from headrace.render.kubernetes import (
    disruption_budget,
    network_policy,
    progress_deadline,
    scaling_metrics,
    service_account,
    service_account_of,
)
from headrace.render.labels import pod_labels, rollout_labels
from headrace.render.manifest import Manifest, manifest, without_empty
from headrace.render.names import predictor_name, seldon_name
from headrace.render.pods import CONTAINER, METRICS_PORT, SELDON_METRICS_PORT, pod_spec

ENGINE_GRPC_PORT = 5001

_ENGINE = {
    # The operator's default of half a core and 512 MiB is meant for graphs of many models.
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"memory": "256Mi"},
}


def seldon(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render the SeldonDeployment and what its pods need beside it.

    Raises:
        InvalidRollout: Seldon's own routing cannot do what the plan asks for.
    """
    models = running(rollout, plan)
    if not models:
        return []
    rendered = []
    for model in models:
        if not rollout.spec.serving.service_account:
            rendered.append(service_account(rollout, model))
        # Not the operator's own budget, whose selector spans all predictors.
        rendered.append(disruption_budget(rollout, model))
        ports = (ENGINE_PORT, ENGINE_GRPC_PORT, METRICS_PORT, SELDON_METRICS_PORT)
        rendered.append(network_policy(rollout, model, ports))
    routed = rollout.spec.routing.provider == "Seldon"
    if routed and plan.sticky is not None:
        expected = "GatewayAPI or Istio, as Seldon's own routing does not know who a user is"
        fault = Fault("spec.routing.provider", "is Seldon, and users stay with their arm", expected)
        raise InvalidRollout(rollout.key, [fault])
    traffic = _traffic(models, plan) if routed else _all_to_first(models)
    spec = {
        "protocol": "seldon",
        "transport": "rest",
        "predictors": [
            _predictor(
                rollout,
                model,
                traffic[model],
                shadow=routed and model == plan.candidate and plan.traffic.mirror > 0,
            )
            for model in models
        ],
    }
    rendered.append(
        manifest(
            "machinelearning.seldon.io/v1",
            "SeldonDeployment",
            seldon_name(rollout),
            rollout.metadata.namespace,
            rollout_labels(rollout),
            {"spec": spec},
        )
    )
    return rendered


def running(rollout: ModelRollout, plan: Plan) -> tuple[ModelSpec, ...]:
    """Give the versions that run, stable first.

    With Seldon's own routing a candidate that retreats is left out as soon as it answers nobody.
    """
    if not plan.retreating or rollout.spec.routing.provider != "Seldon":
        return plan.versions
    answering = {model for model, _ in plan.shares}
    left = {model for model in plan.candidates if model not in answering}
    return tuple(model for model in plan.versions if model not in left)


def _traffic(models: tuple[ModelSpec, ...], plan: Plan) -> dict[ModelSpec, int]:
    weights = dict.fromkeys(models, 0) | dict(plan.shares)
    if plan.candidate in weights and plan.candidate is not None and plan.traffic.mirror:
        # A shadow's traffic is the share that it gets copies of, and counts for no sum.
        weights[plan.candidate] = plan.traffic.mirror
    return weights


def _all_to_first(models: tuple[ModelSpec, ...]) -> dict[ModelSpec, int]:
    """Give the sum that the operator asks for; where our routes decide, it means nothing."""
    return {model: 100 if index == 0 else 0 for index, model in enumerate(models)}


def _predictor(
    rollout: ModelRollout, model: ModelSpec, traffic: int, *, shadow: bool
) -> dict[str, Any]:
    serving = rollout.spec.serving
    component: dict[str, Any] = {
        "spec": pod_spec(rollout, model, service_account_of(rollout, model))
    }
    if serving.autoscaling is not None:
        component["hpaSpec"] = {
            "minReplicas": serving.replicas,
            "maxReplicas": serving.autoscaling.max_replicas,
            "metricsv2": scaling_metrics(rollout),
        }
    return without_empty(
        {
            "name": predictor_name(model),
            # Its metrics take the version from the annotation, its routing from the label.
            "labels": {**pod_labels(rollout, model), "version": model.version},
            "annotations": {"version": model.version},
            "replicas": None if serving.autoscaling else serving.replicas,
            "traffic": traffic,
            "shadow": shadow or None,
            "progressDeadlineSeconds": progress_deadline(rollout),
            "svcOrchSpec": {"resources": _ENGINE},
            "componentSpecs": [component],
            "graph": {"name": CONTAINER, "type": "MODEL", "endpoint": {"type": "REST"}},
        }
    )
