"""The version that a pod serves, read back from what was rendered: the way back of `pods`.

What a version is can be told from its pods alone, and the label with the digest of all of it says
whether it was read right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from headrace.api import ModelSpec
from headrace.render.labels import REVISION, VERSION
from headrace.render.names import revision
from headrace.render.pods import CLAIM, CONTAINER, FETCHING, address_of


def model_in(labels: Mapping[str, Any], pod: Mapping[str, Any]) -> ModelSpec | None:
    """Read a version.

    Args:
        labels: Of the pods.
        pod: Their spec.

    Returns:
        None where it is none that was rendered, or where somebody has changed it.
    """
    fetching = _named(pod.get("initContainers"), FETCHING)
    _, handler = (*_texts(_named(pod.get("containers"), CONTAINER).get("command")), "", "")[:2]
    said = _texts(fetching.get("args"))
    digest = said[said.index("--digest") + 1] if "--digest" in said[:-1] else ""
    address = said[-1] if said else ""
    claim = _named(pod.get("volumes"), CLAIM).get("persistentVolumeClaim")
    try:
        model = ModelSpec(
            name=labels.get("app.kubernetes.io/name", ""),
            version=labels.get(VERSION, ""),
            uri=address,
            digest=digest,
            handler=handler,
        )
        if isinstance(claim, Mapping):
            model = _claimed(model, str(claim.get("claimName")))
    except ValidationError:
        return None
    return model if revision(model) == labels.get(REVISION) else None


def _claimed(model: ModelSpec, claim: str) -> ModelSpec:
    """Put the claim back into an address that was made a file's."""
    inside = address_of(model.model_copy(update={"uri": f"pvc://{claim}"}))
    path = model.uri.removeprefix(inside)
    return model.model_copy(update={"uri": f"pvc://{claim}{path}"})


def _named(items: object, name: str) -> Mapping[str, Any]:
    found: Iterable[object] = items if isinstance(items, list) else ()
    named = (each for each in found if isinstance(each, Mapping) and each.get("name") == name)
    return next(named, {})


def _texts(items: object) -> list[str]:
    return [str(each) for each in items] if isinstance(items, list) else []
