"""Takes an owner from an object, which then outlives it, and changes nothing else of it."""

from __future__ import annotations

from contextlib import suppress

from headrace.errors import NotFound
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.json_values import mappings, text
from headrace.runtime.kubernetes.kinds import Kind


def disown(cluster: Cluster, kind: Kind, namespace: str, name: str, uid: str) -> None:
    """Take an owner from an object; one that is gone is nobody's.

    Args:
        cluster: Where it is.
        kind: Of the object.
        namespace: Of the object.
        name: Of the object.
        uid: Of the owner.

    Raises:
        Conflict: Somebody has changed it just now.
        PlatformUnavailable, PermanentError: As of `Cluster.patch`.
    """
    found = cluster.get(kind, namespace, name)
    if found is None:
        return
    owners = mappings(found, "metadata", "ownerReferences")
    others = [each for each in owners if text(each, "uid") != uid]
    version = text(found, "metadata", "resourceVersion")
    changed = {"ownerReferences": others or None, "resourceVersion": version}
    with suppress(NotFound):
        cluster.patch(kind, namespace, name, {"metadata": changed})
