"""What compares a mirrored candidate's answers with stable's: while there are copies, not longer.

Its pods are no model servers. They read the rings of all servers of both versions, which two
headless Services find, and export counters that the check `shadow-agreement` is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.plan import Plan
from headrace.render.labels import COMPONENT, REVISION, rollout_labels, selector, version_labels
from headrace.render.manifest import Manifest, manifest, without_empty
from headrace.render.names import comparator_name, rings_name
from headrace.render.pods import (
    DEFAULT_IMAGE,
    METRICS_PORT,
    confined,
    metrics_port_name,
    pod_security,
    scrape_annotations,
)

PORT = 6200

_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "96Mi"},
    "limits": {"memory": "256Mi"},
}


def comparison(rollout: ModelRollout, plan: Plan) -> list[Manifest]:
    """Render it; nothing without copies."""
    stable, candidate = plan.stable, plan.candidate
    if stable is None or candidate is None or not plan.traffic.mirror:
        return []
    return [
        _rings(rollout, stable),
        _rings(rollout, candidate),
        _comparator(rollout, stable, candidate),
    ]


def _rings(rollout: ModelRollout, model: ModelSpec) -> Manifest:
    spec = {
        "clusterIP": "None",
        "selector": selector(rollout, model),
        "ports": [
            {"name": "metrics", "port": METRICS_PORT, "targetPort": METRICS_PORT, "protocol": "TCP"}
        ],
    }
    labels = version_labels(rollout, model)
    return _object("v1", "Service", rings_name(rollout, model), rollout, labels, spec)


def _comparator(rollout: ModelRollout, stable: ModelSpec, candidate: ModelSpec) -> Manifest:
    name = comparator_name(rollout, stable, candidate)
    own = {COMPONENT: "comparator", REVISION: name.rsplit("-", 1)[1]}
    labels = {**rollout_labels(rollout), **own}
    annotations = scrape_annotations(rollout, PORT)
    spec = {
        # One only: two would count every answer twice.
        "replicas": 1,
        "revisionHistoryLimit": 0,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": own},
        "template": {
            "metadata": without_empty({"labels": labels, "annotations": annotations}),
            "spec": {
                "automountServiceAccountToken": False,
                "securityContext": pod_security(),
                "containers": [_container(rollout, stable, candidate)],
            },
        },
    }
    return _object("apps/v1", "Deployment", name, rollout, labels, spec)


def _container(rollout: ModelRollout, stable: ModelSpec, candidate: ModelSpec) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/metrics", "port": PORT}, "periodSeconds": 10}
    return {
        "name": "comparator",
        "image": rollout.spec.serving.image or DEFAULT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "headrace.serving.comparator"],
        "args": [
            *("--stable", _url(rollout, stable), "--candidate", _url(rollout, candidate)),
            *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104, within its pod
            *("--model", candidate.name),
            *("--stable-version", stable.version, "--candidate-version", candidate.version),
        ],
        "ports": [
            {"name": metrics_port_name(rollout), "containerPort": PORT, "protocol": "TCP"},
        ],
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": 6},
        "resources": _RESOURCES,
        "securityContext": confined(),
    }


def _url(rollout: ModelRollout, model: ModelSpec) -> str:
    return f"http://{rings_name(rollout, model)}.{rollout.metadata.namespace}.svc:{METRICS_PORT}"


def _object(
    api_version: str,
    kind: str,
    name: str,
    rollout: ModelRollout,
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
) -> Manifest:
    return manifest(
        api_version, kind, name, rollout.metadata.namespace, labels, {"spec": dict(spec)}
    )
