"""ModelRollouts in the API server, as the fleet reads and writes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from pydantic import ValidationError

from headrace.api import Condition, ModelRollout, OnDelete, Status
from headrace.api.documents import rollout_from
from headrace.api.fields import parse_instant
from headrace.controller.alike import Alike
from headrace.controller.resources import Resource, Unreadable
from headrace.controller.wishes import ask_in
from headrace.engine.observations import Ask, Wish
from headrace.errors import Conflict, InvalidInput, NotFound, PlatformUnavailable
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, Kind

ASK = "headrace.dev/ask"
"""The annotation that carries a person's request, as JSON."""

FINALIZER = "headrace.dev/leave-stable-serving"
"""Keeps a resource that is deleted until its users are with one version that outlives it."""

_KEPT_METADATA = ("name", "namespace", "uid", "generation", "resourceVersion", "finalizers")

Object = dict[str, Any]


class Server(Protocol):
    """Keeps the objects."""

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Read one object; None if there is none.

        Raises:
            PlatformUnavailable: It could not be read this time.
        """
        ...

    def replace_status(self, written: Object) -> Object:
        """Replace the status of the object of this `metadata.resourceVersion`.

        Returns:
            The object's metadata, at least.

        Raises:
            Conflict: The object was changed since.
            NotFound: It is gone.
            PlatformUnavailable: It could not be written this time.
        """
        ...

    def patch(self, kind: Kind, namespace: str, name: str, merge: Mapping[str, Any]) -> Object:
        """Merge into an object; raises like `replace_status`."""
        ...


class KeptRollouts:
    """The `Resources` of a cluster: read from a cache, written to the API server."""

    def __init__(
        self, objects: Callable[[], Mapping[str, Mapping[str, Any]]], server: Server
    ) -> None:
        """Read nothing yet.

        Args:
            objects: Gives all ModelRollouts by `namespace/name`, as they were last seen.
            server: Keeps them.
        """
        self._objects, self._server = objects, server
        self._known: dict[str, Resource | Unreadable] = {}
        self._alike = Alike()
        self._lock = threading.Lock()

    def all(self) -> Mapping[str, Resource | Unreadable]:
        """Give all rollouts; only those that have changed are parsed anew."""
        found: dict[str, Resource | Unreadable] = {}
        objects = self._objects()
        with self._lock:
            for key, seen in objects.items():
                known = self._known.get(key)
                fence = str(seen["metadata"]["resourceVersion"])
                # The watch may still show what was before our own write.
                is_known = known is not None and _is_as_new(known.fence, fence)
                found[key] = known if known is not None and is_known else self._read(seen)
            self._known = dict(found)
        return found

    def write(self, resource: Resource, status: Status) -> Resource:
        """Write a status; see `Resources`."""
        if FINALIZER not in resource.finalizers and resource.deleting is None:
            resource = self._take_hold(resource)
        rollout = resource.rollout
        try:
            answer = self._server.replace_status(_written(rollout.key, resource.fence, status))
        except Conflict:
            self._look_again(rollout)
            raise
        fence = str(answer["metadata"]["resourceVersion"])
        kept = rollout.model_copy(update={"status": status})
        fresh = replace(resource, rollout=kept, fence=fence)
        if answer["metadata"].get("generation", 0) == rollout.metadata.generation:
            with self._lock:
                self._known[rollout.key] = fresh
        else:
            # A spec that was edited since the one at hand was read is read at the next look.
            self._look_again(rollout)
        return fresh

    def refuse(self, resource: Unreadable, status: Status) -> None:
        """Write why it cannot be read; see `Resources`."""
        self._server.replace_status(_written(resource.key, resource.fence, status))

    def complain(self, resource: Unreadable, conditions: Sequence[Condition]) -> None:
        """Write conditions beside what cannot be read; see `Resources`."""
        namespace, _, name = resource.key.partition("/")
        found = self._server.get(MODEL_ROLLOUT, namespace, name)
        if found is None or str(found["metadata"]["resourceVersion"]) != resource.fence:
            raise Conflict(f"{resource.key} has been changed.")
        status = found["status"]
        ours = [each.model_dump(mode="json", exclude_defaults=True) for each in conditions]
        types = {each["type"] for each in ours}
        others = [each for each in status.get("conditions") or () if each["type"] not in types]
        status = {**status, "conditions": [*others, *ours]}
        self._server.replace_status({**found, "status": status})

    def let_go(self, resource: Resource | Unreadable) -> None:
        """Take the finalizer away; see `Resources`."""
        kept = [name for name in resource.finalizers if name != FINALIZER]
        with suppress(NotFound):
            self._set_finalizers(resource, kept)

    def _take_hold(self, resource: Resource) -> Resource:
        """Be told of a deletion before it happens, from the first decision on."""
        try:
            seen = self._set_finalizers(resource, [*resource.finalizers, FINALIZER])
        except Conflict:
            self._look_again(resource.rollout)
            raise
        read = self._read(seen)
        if isinstance(read, Unreadable):
            raise PlatformUnavailable(read.message)
        return read

    def _set_finalizers(self, resource: Resource | Unreadable, names: Sequence[str]) -> Object:
        namespace, _, name = resource.key.partition("/")
        changed = {"finalizers": list(names), "resourceVersion": resource.fence}
        return self._server.patch(MODEL_ROLLOUT, namespace, name, {"metadata": changed})

    def _look_again(self, rollout: ModelRollout) -> None:
        """Read what was changed, which the watch may not have shown yet."""
        metadata = rollout.metadata
        seen = self._server.get(MODEL_ROLLOUT, metadata.namespace, metadata.name)
        if seen is not None:
            read = self._read(seen)
            with self._lock:
                self._known[rollout.key] = read

    def _read(self, seen: Mapping[str, Any]) -> Resource | Unreadable:
        read = _read(seen)
        if isinstance(read, Unreadable):
            return read
        return replace(read, rollout=self._alike.share(read.rollout, seen["spec"]))


def _written(key: str, fence: str, status: Status) -> Object:
    """Give an object of which nothing but the status is looked at, and the fence."""
    namespace, _, name = key.partition("/")
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": fence},
        "status": status.model_dump(mode="json", exclude_defaults=True),
    }


def _is_as_new(known: str, seen: str) -> bool:
    """Tell whether what is known is what is seen, or newer: a watch comes after a write.

    Resource versions of one kind are whole numbers that grow, which Kubernetes promises since 1.35
    and has always done; where they are none, only equal ones are the same.
    """
    if known.isdecimal() and seen.isdecimal():
        return int(known) >= int(seen)
    return known == seen


def rollout_of(seen: Mapping[str, Any]) -> ModelRollout:
    """Make a ModelRollout of what the API server has.

    Raises:
        InvalidRollout: The spec is not valid.
        InvalidInput: The status cannot be read.
    """
    status = status_of(seen)
    return _wanted(seen).model_copy(update={"status": status})


def status_of(seen: Mapping[str, Any]) -> Status:
    """Read the status of what the API server has, whatever is in its spec.

    Raises:
        InvalidInput: It cannot be read.
    """
    key = _key(seen)
    try:
        return Status.model_validate(seen.get("status") or {})
    except ValidationError as error:
        raise InvalidInput(
            f"The status of {key} cannot be read ({error.error_count()} faults): it was "
            "written by another version of Headrace or changed by hand. What runs is left as it "
            f"is: put .status in order, or say `headrace retry {key}` to begin anew with "
            f"the version that has the users. The first fault is {_first(error)}."
        ) from error


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(("status", *map(str, fault["loc"])))
    return f"{place}: {fault['msg']}"


def _begun_anew(seen: Mapping[str, Any], ask: Ask | None) -> Status | None:
    """Give the status with which a person's retry begins anew where it cannot be read.

    Returns:
        What can be read of what was live when, and nothing else; None where nobody asked for it.
    """
    status = seen["status"]
    if ask is None or ask.wish is not Wish.RETRY or status.get("asked") == ask.identity:
        return None
    with suppress(ValidationError):
        return Status.model_validate({"history": status.get("history") or []})
    return Status()


def _conditions_in(seen: Mapping[str, Any]) -> Iterator[Condition]:
    """Give the conditions that can be read in a status that cannot."""
    for each in seen["status"].get("conditions") or ():
        with suppress(ValidationError):
            yield Condition.model_validate(each)


def _key(seen: Mapping[str, Any]) -> str:
    metadata = seen["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def _wanted(seen: Mapping[str, Any]) -> ModelRollout:
    metadata = seen["metadata"]
    kept = {name: metadata[name] for name in _KEPT_METADATA if name in metadata}
    return rollout_from({**seen, "metadata": kept, "status": {}}, _key(seen))


def _read(seen: Mapping[str, Any]) -> Resource | Unreadable:
    metadata = seen["metadata"]
    fence = str(metadata["resourceVersion"])
    deleted = metadata.get("deletionTimestamp")
    deleting = None if deleted is None else parse_instant(deleted)
    ask = ask_of(metadata.get("annotations") or {})
    status = None
    try:
        status = _status_of(seen, ask)
        rollout = _wanted(seen).model_copy(update={"status": status})
    except InvalidInput as error:
        return Unreadable(
            key=_key(seen),
            fence=fence,
            message=str(error),
            status=status,
            generation=int(metadata.get("generation", 0)),
            deleting=deleting,
            uid=str(metadata.get("uid", "")),
            finalizers=tuple(metadata.get("finalizers") or ()),
            takes_all=(seen.get("spec") or {}).get("onDelete") == OnDelete.DELETE,
            conditions=() if status is not None else tuple(_conditions_in(seen)),
        )
    return Resource(rollout, fence, ask, deleting)


def _status_of(seen: Mapping[str, Any], ask: Ask | None) -> Status:
    try:
        return status_of(seen)
    except InvalidInput:
        anew = _begun_anew(seen, ask)
        if anew is None:
            raise
        return anew


def ask_of(annotations: Mapping[str, str]) -> Ask | None:
    """Read a person's request; one that cannot be read is none.

    Args:
        annotations: Of the ModelRollout.
    """
    return ask_in(annotations.get(ASK, ""))
