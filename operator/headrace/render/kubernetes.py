"""Plain Kubernetes: what one version needs to run, whatever its role is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.plan import Plan
from headrace.render.labels import pod_labels, selector, version_labels
from headrace.render.manifest import Manifest, manifest, without_empty
from headrace.render.names import service_name, version_name
from headrace.render.pods import HTTP_PORT, METRICS_PORT, pod_spec, scrape_annotations

SERVICE_PORT = 8000
"""The same as of a Seldon predictor, so that routes need not know the backend."""


def kubernetes(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render every version of a plan.

    Raises:
        InvalidRollout: A bundle's address is none that a pod can fetch.
    """
    return [each for model in plan.versions for each in _version(rollout, model)]


def _version(rollout: ModelRollout, model: ModelSpec) -> list[Manifest]:
    serving = rollout.spec.serving
    rendered = []
    if not serving.service_account:
        rendered.append(service_account(rollout, model))
    rendered += [_deployment(rollout, model), _service(rollout, model)]
    if serving.autoscaling is not None:
        rendered.append(_autoscaler(rollout, model))
    return [*rendered, disruption_budget(rollout, model), network_policy(rollout, model)]


def service_account_of(rollout: ModelRollout, model: ModelSpec) -> str:
    """Name the ServiceAccount of a version's pods."""
    return rollout.spec.serving.service_account or version_name(rollout, model)


def service_account(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    """Render an identity without any rights, so that nobody's pods share one by accident."""
    body = {"automountServiceAccountToken": False}
    return _object("v1", "ServiceAccount", rollout, model, body)


def disruption_budget(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    """Render that a drained node takes one server at a time, and any that serves nobody."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": selector(rollout, model)},
    }
    return _object("policy/v1", "PodDisruptionBudget", rollout, model, {"spec": spec})


def network_policy(
    rollout: ModelRollout, model: ModelSpec, ports: tuple[int, ...] = (HTTP_PORT, METRICS_PORT)
) -> Manifest:
    """Render that a version's pods take predictions and scrapes and nothing else.

    What they may reach is left open: where bundles are is known to the network's owner only.
    """
    spec = {
        "podSelector": {"matchLabels": selector(rollout, model)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"protocol": "TCP", "port": port} for port in ports]}],
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", rollout, model, {"spec": spec})


def scaling_metrics(rollout: ModelRollout) -> list[dict[str, Any]]:
    """Give the metrics of `autoscaling/v2`; none without autoscaling."""
    scaling = rollout.spec.serving.autoscaling
    if scaling is None:
        return []
    target = {"type": "Utilization", "averageUtilization": scaling.cpu}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def progress_deadline(rollout: ModelRollout) -> int:
    """Give the seconds after which a Deployment that does not come up says so."""
    return int(rollout.spec.serving.startup_timeout) + 60


def _deployment(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    serving = rollout.spec.serving
    metadata: dict[str, Any] = {"labels": pod_labels(rollout, model)}
    if annotations := scrape_annotations(rollout, METRICS_PORT):
        metadata["annotations"] = annotations
    spec = without_empty(
        {
            # With an autoscaler the number is its own: naming one here would undo its work.
            "replicas": None if serving.autoscaling else serving.replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": progress_deadline(rollout),
            "selector": {"matchLabels": selector(rollout, model)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {
                "metadata": metadata,
                "spec": pod_spec(rollout, model, service_account_of(rollout, model)),
            },
        }
    )
    return _object("apps/v1", "Deployment", rollout, model, {"spec": spec})


def _service(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    spec = {
        "selector": selector(rollout, model),
        "ports": [
            {
                "name": "http",
                "port": SERVICE_PORT,
                "targetPort": "http",
                "protocol": "TCP",
                "appProtocol": "http",
            }
        ],
    }
    return _object("v1", "Service", rollout, model, {"spec": spec}, service_name(rollout, model))


def _autoscaler(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    serving = rollout.spec.serving
    assert serving.autoscaling is not None
    spec = {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": version_name(rollout, model),
        },
        "minReplicas": serving.replicas,
        "maxReplicas": serving.autoscaling.max_replicas,
        "metrics": scaling_metrics(rollout),
    }
    return _object("autoscaling/v2", "HorizontalPodAutoscaler", rollout, model, {"spec": spec})


def _object(
    api_version: str,
    kind: str,
    rollout: ModelRollout,
    model: ModelSpec,
    body: Mapping[str, Any],
    name: str = "",
) -> Manifest:
    return manifest(
        api_version,
        kind,
        name or version_name(rollout, model),
        rollout.metadata.namespace,
        version_labels(rollout, model),
        body,
    )
