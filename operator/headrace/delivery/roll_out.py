"""Deliver the one ModelRollout that asks for a new version.

Nothing is watched and nothing judged here: the controller does both. A second call changes
nothing, so a step that is tried again after a crash makes no second rollout.
"""

from __future__ import annotations

from dataclasses import dataclass

from headrace.controller.store import RolloutStore
from headrace.delivery.files import publish
from headrace.delivery.target import ClusterTarget, DirectoryTarget, LocalTarget, parse_target
from headrace.delivery.template import Manifest, ModelVersion, fill
from headrace.errors import InvalidInput


@dataclass(frozen=True)
class Delivered:
    """A ModelRollout that is where its controller finds it.

    Attributes:
        name: `namespace/name`.
        place: Where, for people.
        manifest: What was delivered.
        changed: Whether something was written; False when all was there already.
    """

    name: str
    place: str
    manifest: Manifest
    changed: bool

    @property
    def commit_message(self) -> str:
        """Say what changed, as a commit does."""
        model = self.manifest.rollout.spec.model
        return f"{self.name}: roll out {model}\n\n{model.uri}\n{model.digest}\n"


def roll_out(template: str, model: ModelVersion, target: str, *, force: bool = False) -> Delivered:
    """Fill a template with a version and deliver it.

    Args:
        template: A ModelRollout as YAML, see `fill`.
        model: The version.
        target: See `parse_target`.
        force: In a cluster: take over fields that somebody else has set.

    Raises:
        InvalidRollout: The filled template is no valid ModelRollout.
        InvalidInput: The target is not supported, or names another namespace than the template.
        Conflict: In a cluster somebody else has set one of the fields.
        NotFound: The cluster has no ModelRollouts, or not the namespace.
        SetupError: No cluster is configured.
        PlatformUnavailable: The cluster or the disk does not take it now.
        PermanentError: The cluster refuses it, or forbids it.
    """
    place = parse_target(target)
    manifest = fill(template, model)
    match place:
        case DirectoryTarget():
            file = place.path / f"{manifest.rollout.metadata.name}.yaml"
            changed = publish(file, manifest.text)
            return Delivered(manifest.rollout.key, str(file), manifest, changed)
        case LocalTarget():
            return _on_this_machine(manifest, place)
        case ClusterTarget():
            return _in_cluster(manifest, place, force)


def _on_this_machine(manifest: Manifest, target: LocalTarget) -> Delivered:
    rollout = manifest.rollout
    store = RolloutStore(target.home / rollout.metadata.namespace / rollout.metadata.name)
    before = store.rollout_file.read_bytes() if store.rollout_file.is_file() else b""
    store.apply(rollout)
    changed = store.rollout_file.read_bytes() != before
    return Delivered(rollout.key, str(store.rollout_file), manifest, changed)


def _in_cluster(manifest: Manifest, target: ClusterTarget, force: bool) -> Delivered:
    # The Kubernetes client takes long to import, and only this target needs it.
    from headrace.delivery.cluster import apply, connect

    connection = connect(target)
    namespace = namespace_of(manifest, target, connection.namespace)
    changed = apply(connection.cluster, manifest.document, namespace, force=force)
    name = f"{namespace}/{manifest.rollout.metadata.name}"
    return Delivered(name, f"{name} in {connection.shown}", manifest, changed)


def namespace_of(manifest: Manifest, target: ClusterTarget, default: str) -> str:
    """Choose the namespace: the manifest's, the target's, or that of the context.

    Raises:
        InvalidInput: The first two differ.
    """
    named = str((manifest.document.get("metadata") or {}).get("namespace") or "")
    if named and target.namespace and named != target.namespace:
        raise InvalidInput(
            f"The template names the namespace {named}, the target {target.namespace}: "
            "leave it out of one of them."
        )
    return named or target.namespace or default
