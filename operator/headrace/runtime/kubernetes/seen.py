"""What is kept of an object in the cluster: a few hundred bytes instead of many thousands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.render.labels import REVISION, ROLLOUT
from headrace.runtime.kubernetes.deployments import DeploymentState, read_deployment
from headrace.runtime.kubernetes.json_values import count, mapping, mappings, packed, text
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, MODEL_ROLLOUT, POD, Kind
from headrace.runtime.kubernetes.pods import PodState, read_pod
from headrace.runtime.kubernetes.routes import RouteState, read_route

APPLIED = "headrace.dev/applied"
"""The annotation with the digest of what was applied."""

RETREAT = "headrace.dev/retreat"
"""The annotation of a router's object by which users go back, with why they do."""

Child = tuple[str, str]
"""Kind and name of an object; its namespace is that of its rollout."""

Reading = DeploymentState | PodState | RouteState | None


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was seen last.

    Attributes:
        kind: Of which kind it is.
        name: Its name; its namespace is that of its rollout.
        uid: Its identity.
        version: Grows with every change (`resourceVersion`); 0 if it is no number.
        generation: Counts changes of its spec.
        owner: The uid of what controls it; empty for nobody.
        applied: The digest of what Headrace applied last; empty if it did not.
        fields: Who has which of its fields, as JSON. Equal texts are one object in memory.
        revision: Of the model's version that it is of; empty if of none.
        leaving: Whether it is being deleted.
        reading: What its body says.
        retreat: Why users go back by it, as it was written; empty if they do not.
    """

    kind: Kind
    name: str
    uid: str
    version: int
    generation: int
    owner: str
    applied: str
    fields: str
    revision: str
    leaving: bool
    reading: Reading
    retreat: str = ""


def place_of(thing: Mapping[str, Any]) -> tuple[str, str, str]:
    """Give namespace, name, and the rollout that controls it, or else that its label names."""
    metadata = mapping(thing, "metadata")
    owner = _controller(metadata)
    controlled = owner.get("kind") == MODEL_ROLLOUT.kind
    rollout = text(owner, "name") if controlled else text(metadata, "labels", ROLLOUT)
    return text(metadata, "namespace"), text(metadata, "name"), rollout


def is_labelled(thing: Mapping[str, Any], rollout: str) -> bool:
    """Tell whether an object's label names a rollout."""
    return text(mapping(thing, "metadata"), "labels", ROLLOUT) == rollout


def see(kind: Kind, thing: Mapping[str, Any], before: Seen | None = None) -> Seen:
    """Read an object.

    Args:
        kind: Its kind.
        thing: As the API server gives it.
        before: The same object as it was seen before.
    """
    metadata = mapping(thing, "metadata")
    uid = text(metadata, "uid")
    same = before if before is not None and before.uid == uid else None
    return Seen(
        kind=kind,
        name=sys.intern(text(metadata, "name")),
        uid=uid,
        version=version_of(thing),
        generation=count(metadata, "generation"),
        owner=sys.intern(text(_controller(metadata), "uid")),
        applied=text(metadata, "annotations", APPLIED),
        fields=_fields(metadata) if kind not in (POD, MODEL_ROLLOUT) else "",
        revision=sys.intern(text(metadata, "labels", REVISION)),
        leaving=bool(text(metadata, "deletionTimestamp")),
        reading=_reading(kind, thing, same),
        retreat=text(metadata, "annotations", RETREAT),
    )


def version_of(thing: Mapping[str, Any]) -> int:
    """Give an object's resource version, which grows; 0 if it is no number."""
    version = text(thing.get("metadata"), "resourceVersion")
    return int(version) if version.isdecimal() else 0


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = (each for each in mappings(metadata, "ownerReferences") if each.get("controller"))
    return next(owners, {})


def _reading(kind: Kind, thing: Mapping[str, Any], before: Seen | None) -> Reading:
    if kind == DEPLOYMENT:
        return read_deployment(thing)
    if kind == POD:
        known = None if before is None else before.reading
        return read_pod(thing, known if isinstance(known, PodState) else None)
    return read_route(kind, thing)


def _fields(metadata: Mapping[str, Any]) -> str:
    """Write who has which fields, so that objects of the same shape have the same text.

    A status changes often, and is nobody's that matters here. References to owners hold uids, and
    `owner` tells of them.
    """
    entries = [
        [text(each, "manager"), text(each, "operation"), _without_owners(each)]
        for each in mappings(metadata, "managedFields")
        if text(each, "subresource") != "status"
    ]
    return sys.intern(packed(entries).decode())


def _without_owners(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    owned = mapping(entry, "fieldsV1")
    kept = {k: v for k, v in mapping(owned, "f:metadata").items() if k != "f:ownerReferences"}
    return {**owned, "f:metadata": kept} if kept else owned
