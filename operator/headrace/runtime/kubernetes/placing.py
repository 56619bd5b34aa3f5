"""Puts one object of a plan into the cluster, and never takes over what is somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.api import ModelRollout
from headrace.errors import Conflict, PlatformUnavailable
from headrace.render.labels import MANAGER
from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.answers import Object
from headrace.runtime.kubernetes.cluster import FIELD_MANAGER, Cluster
from headrace.runtime.kubernetes.deployments import DeploymentState
from headrace.runtime.kubernetes.json_values import mappings, text
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, Kind
from headrace.runtime.kubernetes.ownership import has_field
from headrace.runtime.kubernetes.pieces import Piece, uid_of
from headrace.runtime.kubernetes.seen import Seen

SCALING_MANAGER = f"{FIELD_MANAGER}-scaling"
"""Has a Deployment's `replicas` between us and its autoscaler."""

_SOURCES = {
    "HTTPRoute": "the CRDs of the Gateway API",
    "VirtualService": "Istio",
    "DestinationRule": "Istio",
    "SeldonDeployment": "the Seldon operator",
    "PodMonitor": "the Prometheus operator",
    "PrometheusRule": "the Prometheus operator",
}


@dataclass(frozen=True, slots=True)
class Placing:
    """Applies objects of one rollout.

    Attributes:
        cluster: Where.
        rollout: Whose they are.
        absent: The kinds that the cluster lacks.
    """

    cluster: Cluster
    rollout: ModelRollout
    absent: Callable[[], frozenset[Kind]]

    def place(self, piece: Piece, manifest: Manifest, seen: Seen | None) -> Object:
        """Apply an object and give it as it is then.

        Args:
            piece: Which.
            manifest: What it should be.
            seen: What is known of it; None if it is not known to exist.

        Raises:
            PlatformUnavailable: It cannot be applied now.
            Conflict: There is one of that name, which is not Headrace's.
            HeadraceError: As of `Cluster.apply`.
        """
        if piece.kind in self.absent():
            source = _SOURCES.get(piece.kind.kind, "what brings it")
            raise PlatformUnavailable(
                f"This cluster knows no {piece.kind}, or Headrace may not list them: install "
                f"{source}, or change the rollout's spec so that it needs none."
            )
        if seen is None:
            return self._make(piece, manifest)
        if seen.owner not in ("", uid_of(self.rollout)):
            raise PlatformUnavailable(
                f"{piece} still belongs to another owner ({seen.owner}); it is taken over when "
                "that is gone."
            )
        if seen.leaving:
            raise PlatformUnavailable(f"{piece} is being deleted; it is made again after that.")
        self._leave_replicas(manifest, seen)
        return self.cluster.apply(manifest)

    def _make(self, piece: Piece, manifest: Manifest) -> Object:
        """Make an object; one that is there without our label is not ours, or was relabelled."""
        try:
            return self.cluster.apply(manifest, force=False)
        except Conflict:
            namespace = self.rollout.metadata.namespace
            found = self.cluster.get(piece.kind, namespace, piece.name)
            if not self._is_ours(found):
                raise Conflict(
                    f"{piece} in {namespace} is there already and is not Headrace's: delete or "
                    "rename it, or give the rollout another name."
                ) from None
            return self.cluster.apply(manifest)

    def _is_ours(self, found: Mapping[str, object] | None) -> bool:
        owners = mappings(found, "metadata", "ownerReferences")
        owner = next((text(each, "uid") for each in owners if each.get("controller")), "")
        managed = text(found, "metadata", "labels", "app.kubernetes.io/managed-by")
        return owner == uid_of(self.rollout) or (not owner and managed == MANAGER)

    def _leave_replicas(self, manifest: Manifest, seen: Seen) -> None:
        """Leave the number of pods to the autoscaler as it is.

        A field that nobody has any more goes back to its default, which is one pod.
        """
        state = seen.reading
        if not isinstance(state, DeploymentState) or "replicas" in manifest["spec"]:
            return
        if not has_field(seen.fields, FIELD_MANAGER, "spec", "replicas"):
            return
        metadata = {name: manifest["metadata"][name] for name in ("name", "namespace")}
        self.cluster.apply(
            {
                "apiVersion": DEPLOYMENT.api_version,
                "kind": DEPLOYMENT.kind,
                "metadata": metadata,
                "spec": {"replicas": state.wanted},
            },
            manager=SCALING_MANAGER,
        )
