"""ModelRollouts as the API server has them, read for people and programs that do not write them."""

from __future__ import annotations

from typing import Any

from headrace.api import ModelRollout, Status
from headrace.api.documents import rollout_from
from headrace.errors import InvalidInput

_KEPT = ("name", "namespace", "uid", "generation", "annotations", "labels", "creationTimestamp")


def read_rollout(found: dict[str, Any]) -> ModelRollout:
    """Make a ModelRollout of what the API server has.

    Raises:
        InvalidRollout: The spec is not valid.
        InvalidInput: The status cannot be read.
    """
    metadata = found["metadata"]
    key = f"{metadata.get('namespace', '')}/{metadata['name']}"
    kept = {name: metadata[name] for name in _KEPT if name in metadata}
    rollout = rollout_from({**found, "metadata": kept, "status": {}}, key)
    try:
        status = Status.model_validate(found.get("status") or {})
    except ValueError as error:
        raise InvalidInput(
            f"The status of {key} was written by another version of Headrace: use the `headrace` "
            "of the controller's version."
        ) from error
    return rollout.model_copy(update={"status": status})
