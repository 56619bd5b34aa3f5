"""What a rollout's place knows of a version before anything is delivered there."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.api import ModelRollout, load_rollout
from headrace.controller.store import RolloutStore
from headrace.delivery.ending import has_ended
from headrace.delivery.roll_out import namespace_of
from headrace.delivery.target import ClusterTarget, DirectoryTarget, LocalTarget, parse_target
from headrace.delivery.template import Manifest, ModelVersion, fill
from headrace.errors import NotFound

_ANY_DIGEST = f"sha256:{'0' * 64}"


@dataclass(frozen=True)
class Standing:
    """What is known.

    Attributes:
        is_offered: Whether the version's rollout was asked for, however it went.
        under_way: Another version whose rollout goes on; empty for none, and in a directory, which
            does not tell how a rollout fares.
    """

    is_offered: bool = False
    under_way: str = ""


def standing_of(template: str, target: str, name: str, version: str) -> Standing:
    """Look where a rollout would be delivered.

    Args:
        template: A ModelRollout as YAML, see `fill`.
        target: See `parse_target`.
        name: The model's name.
        version: The version's name.

    Raises:
        InvalidRollout: The filled template is no valid ModelRollout.
        InvalidInput: The target is not supported.
        SetupError: No cluster is configured.
        PlatformUnavailable: The cluster does not answer.
        PermanentError: It forbids to look.
    """
    place = parse_target(target)
    manifest = fill(template, ModelVersion(name, version, "file:///unknown", _ANY_DIGEST))
    try:
        match place:
            case DirectoryTarget(path):
                rollout = load_rollout(path / f"{manifest.rollout.metadata.name}.yaml")
                return Standing(is_offered=_names(rollout, version))
            case LocalTarget(home):
                metadata = manifest.rollout.metadata
                rollout = RolloutStore(home / metadata.namespace / metadata.name).read()
            case ClusterTarget():
                rollout = _in_cluster(manifest, place)
    except NotFound:
        return Standing()
    if _names(rollout, version):
        return Standing(is_offered=True)
    return Standing(under_way="" if has_ended(rollout) else rollout.spec.model.version)


def _in_cluster(manifest: Manifest, target: ClusterTarget) -> ModelRollout:
    # The Kubernetes client takes long to import, and only this target needs it.
    from headrace.delivery.cluster import connect, read

    connection = connect(target)
    namespace = namespace_of(manifest, target, connection.namespace)
    return read(connection.cluster, namespace, manifest.rollout.metadata.name)


def _names(rollout: ModelRollout, version: str) -> bool:
    """Say whether a rollout is, or was, about a version."""
    status = rollout.status
    models = (*rollout.spec.versions, status.stable, status.rejected, *status.also_rejected)
    known = {each.version for each in models if each is not None}
    return version in known | {entry.version for entry in status.history}
