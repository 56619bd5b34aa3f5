"""A version's pod: fetch the bundle and check it, then serve it. The same for both backends.

All of it follows from the version and the spec. Nothing here may depend on a role, a weight or a
step: whatever does would restart pods when it changes.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from headrace import __version__
from headrace.api import ModelRollout, ModelSpec
from headrace.errors import Fault, InvalidRollout
from headrace.render.labels import selector
from headrace.render.manifest import without_empty

DEFAULT_IMAGE = f"headrace/model-server:{__version__}"

HTTP_PORT = 9000
METRICS_PORT = 6100
SELDON_METRICS_PORT = 6000

CONTAINER = "model"
"""The server's container; Seldon's graph names its node the same."""

FETCHING = "fetch"
"""The init container that fetches the bundle and checks its digest."""

BUNDLE, CLAIM = "bundle", "claim"
"""Volumes: what is served, and where it comes from with an address of `pvc://`."""

DRAIN = 10
"""Seconds between a pod's end being announced and its server being told to stop: routers take a
while to forget it, and what they still send must be answered."""

_BUNDLE = "/bundle/model"
_CLAIM = "/claim"
_USER = 10001
_PERIOD = 5
_THREADS = 4

_LAST_WORDS = {"terminationMessagePolicy": "FallbackToLogsOnError"}
"""The end of the log is kept with the pod's status: it says why a server refused to start."""

_PING = {"path": "/health/ping", "port": "http"}
"""Answered by the same worker as predictions, which opens its port to nobody before the model is
loaded; so whoever gets an answer can predict."""


def pod_spec(rollout: ModelRollout, model: ModelSpec, service_account: str) -> dict[str, Any]:
    """Give the spec of a version's pods, fit for the restricted Pod Security Standard.

    Args:
        rollout: For how it is served.
        model: The version.
        service_account: Its name.

    Raises:
        InvalidRollout: The bundle's address is none that a pod can fetch.
    """
    labels = selector(rollout, model)
    return {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": DRAIN + math.ceil(rollout.spec.routing.timeout) + 10,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
        ],
        "initContainers": [_fetching(rollout, model)],
        "containers": [_serving(rollout, model)],
        "volumes": [
            {"name": BUNDLE, "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            *_claims(model),
        ],
    }


def _fetching(rollout: ModelRollout, model: ModelSpec) -> dict[str, Any]:
    serving = rollout.spec.serving
    mounts = [_mount(BUNDLE, "/bundle"), _mount("tmp", "/tmp")]  # noqa: S108, its own volume
    if _claims(model):
        mounts.append({**_mount(CLAIM, _CLAIM), "readOnly": True})
    secret = {"secretRef": {"name": serving.storage_secret}} if serving.storage_secret else None
    return without_empty(
        {
            "name": FETCHING,
            "image": serving.image or DEFAULT_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "-m", "headrace.serving.fetch"],
            "args": ["--digest", model.digest, "--target", _BUNDLE, "--", address_of(model)],
            "envFrom": [secret] if secret else None,
            "resources": resources_of(rollout),
            "volumeMounts": mounts,
            **_LAST_WORDS,
            "securityContext": confined(),
        }
    )


def _serving(rollout: ModelRollout, model: ModelSpec) -> dict[str, Any]:
    serving = rollout.spec.serving
    mounts = [{**_mount(BUNDLE, "/bundle"), "readOnly": True}, _mount("tmp", "/tmp")]  # noqa: S108
    return without_empty(
        {
            "name": CONTAINER,
            "image": serving.image or DEFAULT_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["seldon-core-microservice", model.handler],
            "args": [
                *("--service-type", "MODEL", "--grpc-workers", "0"),
                *("--log-level", "WARNING"),
            ],
            "env": _environment(rollout, model),
            "ports": [
                {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
                {
                    "name": metrics_port_name(rollout),
                    "containerPort": METRICS_PORT,
                    "protocol": "TCP",
                },
            ],
            "startupProbe": {
                "httpGet": _PING,
                "periodSeconds": _PERIOD,
                "timeoutSeconds": 2,
                "failureThreshold": max(1, math.ceil(serving.startup_timeout / _PERIOD)),
            },
            "readinessProbe": {
                "httpGet": _PING,
                "periodSeconds": _PERIOD,
                "timeoutSeconds": 2,
                "failureThreshold": 2,
            },
            # Slow to judge: a busy server that is restarted leaves its work to the others.
            "livenessProbe": {
                "httpGet": _PING,
                "periodSeconds": 10,
                "timeoutSeconds": 5,
                "failureThreshold": 6,
            },
            "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN)]}}},
            "resources": resources_of(rollout),
            "volumeMounts": mounts,
            **_LAST_WORDS,
            "securityContext": confined(),
        }
    )


def _environment(rollout: ModelRollout, model: ModelSpec) -> list[dict[str, str]]:
    variables = {
        "HEADRACE_BUNDLE": _BUNDLE,
        "HEADRACE_DIGEST": model.digest,
        "HEADRACE_ROLLOUT": rollout.key,
        "HEADRACE_METRICS_PORT": str(METRICS_PORT),
        "GUNICORN_WORKERS": "1",
        "GUNICORN_THREADS": str(_THREADS),
        # Longer than a router keeps an idle connection, so that it never sends into a closed one.
        "GUNICORN_KEEPALIVE": "75",
        "PYTHONUNBUFFERED": "1",
    }
    if rollout.spec.strategy.segments is not None:
        variables["HEADRACE_SEGMENTS"] = rollout.spec.strategy.segments
    if rollout.spec.serving.backend != "Seldon":
        variables["PREDICTIVE_UNIT_HTTP_SERVICE_PORT"] = str(HTTP_PORT)
        variables["PREDICTIVE_UNIT_METRICS_SERVICE_PORT"] = str(SELDON_METRICS_PORT)
    return [{"name": name, "value": value} for name, value in variables.items()]


def resources_of(rollout: ModelRollout) -> dict[str, dict[str, str]]:
    """Give requests and limits as texts, which every schema of a quantity takes."""
    resources = rollout.spec.serving.resources
    parts = {"requests": resources.requests, "limits": resources.limits}
    return {
        part: {name: str(quantity) for name, quantity in quantities.items()}
        for part, quantities in parts.items()
        if quantities
    }


def pod_security() -> dict[str, Any]:
    """Give what the restricted Pod Security Standard asks of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": _USER,
        "runAsGroup": _USER,
        "fsGroup": _USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def metrics_port_name(rollout: ModelRollout) -> str:
    """Name the port of our own counters; the Seldon operator has a `metrics` for itself."""
    return "headrace" if rollout.spec.serving.backend == "Seldon" else "metrics"


def scrape_annotations(rollout: ModelRollout, port: int) -> dict[str, str]:
    """Give what tells Prometheus of a pod without its operator; nothing where that is not asked."""
    if rollout.spec.monitoring.provider != "Annotations":
        return {}
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(port),
        "prometheus.io/path": "/metrics",
    }


def confined() -> dict[str, Any]:
    """Give what the restricted Pod Security Standard asks of a container, and no more writing."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path}


def address_of(model: ModelSpec) -> str:
    """Give where a pod fetches a bundle: of a claim, as a file in its volume."""
    if not model.uri.startswith("pvc://"):
        return model.uri
    return f"file://{_CLAIM}{urlsplit(model.uri).path}"


def _claims(model: ModelSpec) -> list[dict[str, Any]]:
    if not model.uri.startswith("pvc://"):
        return []
    claim = urlsplit(model.uri).netloc
    if not claim:
        fault = Fault(
            "spec.model.uri",
            f"is {model.uri!r}",
            "a claim and a path in it",
            "uri: pvc://models/a/7",
        )
        raise InvalidRollout(str(model), [fault])
    return [{"name": CLAIM, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}]
