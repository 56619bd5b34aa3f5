"""ModelRollouts in the API server, as the fleet reads and writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from headrace.api import Status
from headrace.api.documents import rollout_from
from headrace.controller.resources import Resource, Unreadable
from headrace.engine.observations import Ask, Wish
from headrace.errors import InvalidRollout

ASK = "headrace.dev/ask"
"""The annotation that carries a person's request, as JSON."""

_KEPT_METADATA = ("name", "namespace", "uid", "generation", "resourceVersion", "finalizers")

Object = dict[str, Any]


class Writer(Protocol):
    """Writes the status of an object."""

    def replace_status(self, written: Object) -> Object:
        """Replace the status of the object of this `metadata.resourceVersion`.

        Raises:
            Conflict: The object was changed since.
            NotFound: It is gone.
            PlatformUnavailable: It could not be written this time.
        """
        ...


class KeptRollouts:
    """The `Resources` of a cluster: read from a cache, written to the API server."""

    def __init__(self, objects: Callable[[], Mapping[str, Object]], writer: Writer) -> None:
        """Read nothing yet.

        Args:
            objects: Gives all ModelRollouts by `namespace/name`, as they were last seen.
            writer: Writes a status.
        """
        self._objects, self._writer = objects, writer
        self._read: dict[str, Resource | Unreadable] = {}

    def all(self) -> Mapping[str, Resource | Unreadable]:
        """Give all rollouts; only those that have changed are parsed anew."""
        found: dict[str, Resource | Unreadable] = {}
        for key, seen in self._objects().items():
            known = self._read.get(key)
            fence = str(seen["metadata"]["resourceVersion"])
            found[key] = known if known and _is_as_new(known.fence, fence) else _read(key, seen)
        self._read = found
        return found

    def write(self, resource: Resource, status: Status) -> Resource:
        """Write a status; see `Resources`."""
        rollout = resource.rollout
        answer = self._writer.replace_status(
            {
                "apiVersion": rollout.api_version,
                "kind": rollout.kind,
                # Nothing else but the status is looked at, and the fence.
                "metadata": {
                    "name": rollout.metadata.name,
                    "namespace": rollout.metadata.namespace,
                    "resourceVersion": resource.fence,
                },
                "status": status.model_dump(mode="json", exclude_defaults=True),
            }
        )
        fence = str(answer["metadata"]["resourceVersion"])
        written = Resource(
            rollout.model_copy(update={"status": status}), fence, resource.ask, resource.leaving
        )
        # The watch may still show the one before.
        self._read[rollout.key] = written
        return written


def _is_as_new(known: str, seen: str) -> bool:
    """Tell whether what is known is what is seen, or newer: a watch comes after a write.

    Resource versions of one kind are whole numbers that grow, which Kubernetes promises since 1.35
    and has always done; where they are none, only equal ones are the same.
    """
    if known.isdecimal() and seen.isdecimal():
        return int(known) >= int(seen)
    return known == seen


def _read(key: str, seen: Object) -> Resource | Unreadable:
    metadata = seen["metadata"]
    fence = str(metadata["resourceVersion"])
    kept = {name: metadata[name] for name in _KEPT_METADATA if name in metadata}
    try:
        rollout = rollout_from({**seen, "metadata": kept, "status": {}}, key)
        status = Status.model_validate(seen.get("status") or {})
        ask = ask_of(metadata.get("annotations") or {})
    except InvalidRollout as error:
        return Unreadable(key, fence, str(error))
    except ValidationError as error:
        message = (
            f"the status of {key} cannot be read ({error.error_count()} faults): it was written by "
            "another version of Headrace or changed by hand. What runs is left as it is; "
            "remove .status to begin anew"
        )
        return Unreadable(key, fence, message)
    rollout = rollout.model_copy(update={"status": status})
    return Resource(rollout, fence, ask, "deletionTimestamp" in metadata)


def ask_of(annotations: Mapping[str, str]) -> Ask | None:
    """Read a person's request; one that cannot be read is none.

    Args:
        annotations: Of the ModelRollout.
    """
    try:
        ask = json.loads(annotations.get(ASK, "null"))
        return None if ask is None else Ask(Wish(ask["wish"]), str(ask["identity"]), str(ask["by"]))
    except (KeyError, TypeError, ValueError):
        return None
