"""Keeps predictors of a SeldonDeployment alive while our own routes may still lead to them.

Deployments of versions that go are deleted after the router has taken over the new route. Of a
SeldonDeployment's predictors none can be deleted alone: the object is applied without it. So it is
first applied with it, as the last of them and with no traffic of the operator's own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.json_values import mappings, text
from headrace.runtime.kubernetes.seen import APPLIED


def services_of(manifest: Manifest) -> frozenset[str]:
    """Name the Services of a SeldonDeployment's predictors."""
    name = text(manifest, "metadata", "name")
    predictors = mappings(manifest, "spec", "predictors")
    return frozenset(f"{name}-{text(each, 'name')}" for each in predictors)


def with_predictors(
    manifest: Manifest, live: dict[str, Any] | None, kept: Collection[str], mark: str
) -> Manifest:
    """Add to a SeldonDeployment what it should not have for much longer.

    Args:
        manifest: What it should be.
        live: What it is; None if it is gone.
        kept: The Services of predictors to be kept.
        mark: Takes the place of the digest, so that it does not pass for what it should be.
    """
    name = text(manifest, "metadata", "name")
    more = [
        {**each, "traffic": 0}
        for each in mappings(live, "spec", "predictors")
        if f"{name}-{text(each, 'name')}" in kept
    ]
    metadata = manifest["metadata"]
    annotations = {**metadata["annotations"], APPLIED: mark}
    predictors = [*manifest["spec"]["predictors"], *more]
    return {
        **manifest,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {**manifest["spec"], "predictors": predictors},
    }
