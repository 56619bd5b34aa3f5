"""Labels, the same on every kind of object. None says a role: pods outlive their roles."""

from __future__ import annotations

from headrace.api import ModelRollout, ModelSpec
from headrace.render.names import revision

MANAGER = "headrace"
ROLLOUT = "headrace.dev/rollout"
VERSION = "headrace.dev/version"
REVISION = "headrace.dev/revision"
COMPONENT = "app.kubernetes.io/component"
MODEL_SERVER = "model-server"


def rollout_labels(rollout: ModelRollout) -> dict[str, str]:
    """Give the labels of what a rollout has one of."""
    return {
        "app.kubernetes.io/name": rollout.spec.model.name,
        "app.kubernetes.io/part-of": rollout.metadata.name,
        "app.kubernetes.io/managed-by": MANAGER,
        ROLLOUT: rollout.metadata.name,
    }


def version_labels(rollout: ModelRollout, model: ModelSpec) -> dict[str, str]:
    """Give the labels of a version's objects."""
    return {
        "app.kubernetes.io/name": model.name,
        "app.kubernetes.io/version": model.version,
        "app.kubernetes.io/part-of": rollout.metadata.name,
        "app.kubernetes.io/managed-by": MANAGER,
        ROLLOUT: rollout.metadata.name,
        VERSION: model.version,
        REVISION: revision(model),
    }


def pod_labels(rollout: ModelRollout, model: ModelSpec) -> dict[str, str]:
    """Give the labels of a version's pods."""
    labels = version_labels(rollout, model)
    # The Seldon operator says here that it is the manager.
    del labels["app.kubernetes.io/managed-by"]
    return {COMPONENT: MODEL_SERVER, **labels}


def selector(rollout: ModelRollout, model: ModelSpec) -> dict[str, str]:
    """Give what selects a version's pods; it never changes, as a Deployment's must not."""
    return {ROLLOUT: rollout.metadata.name, REVISION: revision(model)}
