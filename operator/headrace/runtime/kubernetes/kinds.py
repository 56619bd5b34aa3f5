"""The kinds of objects that Headrace reads and writes, and where the API server keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from headrace.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object.

    Attributes:
        api_version: Such as `apps/v1`.
        kind: Such as `Deployment`.
        plural: Such as `deployments`, as paths and permissions say it.
        namespaced: Whether its objects are in namespaces.
        optional: Whether a cluster may lack it: its CRD belongs to somebody else.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    optional: bool = False

    def __str__(self) -> str:
        """Give its name, as people say it."""
        return self.kind

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Give the path of one object, or of a collection where no name is given.

        Args:
            namespace: Empty for all of them.
            name: Of the object.
            subresource: Such as `status`.
        """
        root = "apis" if "/" in self.api_version else "api"
        place = ("namespaces", namespace) if namespace and self.namespaced else ()
        parts = (*place, self.plural, name, subresource)
        named = "/".join(quote(part, safe="") for part in parts if part)
        return f"/{root}/{self.api_version}/{named}"


_GATEWAY = "gateway.networking.k8s.io/v1"
_ISTIO = "networking.istio.io/v1"
_PROMETHEUS = "monitoring.coreos.com/v1"

DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
SERVICE = Kind("v1", "Service", "services")
HTTP_ROUTE = Kind(_GATEWAY, "HTTPRoute", "httproutes", optional=True)
VIRTUAL_SERVICE = Kind(_ISTIO, "VirtualService", "virtualservices", optional=True)
SELDON_DEPLOYMENT = Kind(
    "machinelearning.seldon.io/v1", "SeldonDeployment", "seldondeployments", optional=True
)
POD = Kind("v1", "Pod", "pods")
MODEL_ROLLOUT = Kind("headrace.dev/v1alpha1", "ModelRollout", "modelrollouts")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT = Kind("v1", "Event", "events")
SELF_SUBJECT_REVIEW = Kind(
    "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False
)
"""Tells who we are to the API server."""

OWNED = (
    DEPLOYMENT,
    SERVICE,
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    HTTP_ROUTE,
    VIRTUAL_SERVICE,
    Kind(_ISTIO, "DestinationRule", "destinationrules", optional=True),
    SELDON_DEPLOYMENT,
    Kind(_PROMETHEUS, "PodMonitor", "podmonitors", optional=True),
    Kind(_PROMETHEUS, "PrometheusRule", "prometheusrules", optional=True),
)
"""All that a rollout is rendered to."""

ROUTES = (HTTP_ROUTE, VIRTUAL_SERVICE)
"""What splits traffic between Services."""

_KNOWN = {
    (kind.api_version, kind.kind): kind
    for kind in (*OWNED, POD, MODEL_ROLLOUT, LEASE, EVENT, SELF_SUBJECT_REVIEW)
}


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """Find the kind of a manifest.

    Raises:
        InvalidInput: It is none that Headrace writes.
    """
    named = (manifest.get("apiVersion"), manifest.get("kind"))
    found = _KNOWN.get(named)  # type: ignore[arg-type]
    if found is None:
        raise InvalidInput(f"{named[1]} of {named[0]} is no kind of object that Headrace writes.")
    return found
