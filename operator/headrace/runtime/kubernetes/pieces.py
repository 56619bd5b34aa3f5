"""A plan as the objects that are applied: rendered, owned by the rollout, and named by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.errors import InvalidInput
from headrace.render.manifest import Manifest
from headrace.render.names import rollout_name
from headrace.render.rendering import render, rerender
from headrace.runtime.kubernetes.json_values import encoded
from headrace.runtime.kubernetes.kinds import ROUTES, SELDON_DEPLOYMENT, SERVICE, Kind, kind_of
from headrace.runtime.kubernetes.retreats import retreat_text
from headrace.runtime.kubernetes.routes import read_route
from headrace.runtime.kubernetes.seen import APPLIED, RETREAT


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a plan, without its content: that is rendered again when it is needed.

    Attributes:
        kind: Its kind.
        name: Its name.
        digest: Of all that is applied.
        routes: Whether users' requests go where it says.
        services: The Services that it names, if it routes.
    """

    kind: Kind
    name: str
    digest: str
    routes: bool = False
    services: frozenset[str] = frozenset()

    @property
    def child(self) -> tuple[str, str]:
        """Its key among the rollout's children."""
        return self.kind.kind, self.name

    def __str__(self) -> str:
        """Give kind and name."""
        return f"{self.kind} {self.name}"


def uid_of(rollout: ModelRollout) -> str:
    """Give the identity that Kubernetes gave a rollout.

    Raises:
        InvalidInput: It has none: it was not read from a cluster.
    """
    if not rollout.uid:
        raise InvalidInput(f"{rollout.key} has no metadata.uid: read it from the API server.")
    return rollout.uid


def manifests_of(rollout: ModelRollout, plan: Plan, *, owned: bool = True) -> list[Manifest]:
    """Render what is applied, versions before the routes to them.

    Args:
        rollout: With its uid.
        plan: What should exist.
        owned: Whether the objects go when the rollout is deleted.

    Raises:
        InvalidRollout: The backend or the router cannot do what the plan asks for.
        InvalidInput: The rollout has no uid.
    """
    return _marked(rollout, plan, render(rollout, plan), owned=owned)


def manifests_since(rollout: ModelRollout, before: Plan, plan: Plan) -> list[Manifest] | None:
    """Render what is other than it was applied, in the place of objects of the same kind and name.

    Args:
        rollout: With its uid, and of the same generation as then.
        before: The plan that was applied.
        plan: What should exist.

    Returns:
        None where everything has to be rendered.

    Raises:
        InvalidRollout, InvalidInput: As of `manifests_of`.
    """
    rendered = rerender(rollout, before, plan)
    return None if rendered is None else _marked(rollout, plan, rendered, owned=True)


def _marked(
    rollout: ModelRollout, plan: Plan, rendered: Iterable[Manifest], *, owned: bool
) -> list[Manifest]:
    """Say whose they are, what is applied, and why users go back if they do."""
    owner = {
        "apiVersion": rollout.api_version,
        "kind": rollout.kind,
        "name": rollout.metadata.name,
        "uid": uid_of(rollout),
        "controller": True,
        "blockOwnerDeletion": False,
    }
    marked = []
    for manifest in rendered:
        metadata = dict(manifest["metadata"])
        if owned:
            metadata["ownerReferences"] = [owner]
        annotations = dict(metadata.get("annotations", {}))
        if plan.retreat is not None and _moves_users(rollout, manifest):
            annotations[RETREAT] = retreat_text(plan.retreat)
            metadata["annotations"] = annotations
        whole = {**manifest, "metadata": metadata}
        annotations = {**annotations, APPLIED: _digest(whole)}
        marked.append({**whole, "metadata": {**metadata, "annotations": annotations}})
    return marked


def pieces_of(rollout: ModelRollout, manifests: Iterable[Manifest]) -> tuple[Piece, ...]:
    """Give the pieces of what was rendered, in its order."""
    return tuple(_piece(rollout, manifest) for manifest in manifests)


def _piece(rollout: ModelRollout, manifest: Manifest) -> Piece:
    kind, metadata = kind_of(manifest), manifest["metadata"]
    route = read_route(kind, manifest) if kind in ROUTES else None
    return Piece(
        kind=kind,
        name=metadata["name"],
        digest=metadata["annotations"][APPLIED],
        routes=_moves_users(rollout, manifest),
        services=frozenset() if route is None else route.services,
    )


def _moves_users(rollout: ModelRollout, manifest: Manifest) -> bool:
    """Tell whether users' requests go where an object says."""
    kind, provider = kind_of(manifest), rollout.spec.routing.provider
    if kind == SERVICE:
        return provider == "None" and bool(manifest["metadata"]["name"] == rollout_name(rollout))
    return kind in ROUTES or (provider == "Seldon" and kind == SELDON_DEPLOYMENT)


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(encoded(manifest)).hexdigest()[:16]
