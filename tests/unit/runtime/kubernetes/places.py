"""A rollout whose objects exist, for tests of what is found of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from headrace.api import ModelRollout, Traffic
from headrace.api.rollout import Metadata
from headrace.engine.plan import Plan
from headrace.runtime.kubernetes.drift import Drift
from headrace.runtime.kubernetes.kinds import kind_of
from headrace.runtime.kubernetes.memory import Memory
from headrace.runtime.kubernetes.pieces import manifests_of, pieces_of
from headrace.runtime.kubernetes.seen import Child, Seen, see
from tests.unit.render.rollouts import built, model

UID = "3b1f"
PLAN = Plan(model("6"), None, Traffic(stable=100))


def routed(backend: str, router: str) -> ModelRollout:
    """Give a rollout that the API server has taken."""
    rollout = built(backend=backend, router=router)
    metadata = Metadata.model_validate({**rollout.metadata.model_dump(), "uid": UID})
    return rollout.model_copy(update={"metadata": metadata})


class Place:
    """A rollout whose objects exist as they were applied."""

    def __init__(self, router: str = "GatewayAPI") -> None:
        self.rollout = routed("Kubernetes", router)
        self.manifests = manifests_of(self.rollout, PLAN)
        self.memory = Memory(UID, pieces=pieces_of(self.rollout, self.manifests))
        self.children: dict[Child, Seen] = {
            piece.child: see(kind_of(each), applied(each))
            for piece, each in zip(self.memory.pieces, self.manifests, strict=True)
        }

    def due(self, now: float = 0.0) -> list[str]:
        by_child = dict(zip((p.child for p in self.memory.pieces), self.manifests, strict=True))
        drift = Drift(self.memory, self.children, lambda p: by_child[p.child], now)
        return [piece.kind.kind for piece in self.memory.pieces if drift.is_due(piece)]

    def child(self, kind: str) -> Child:
        return next(child for child in self.children if child[0] == kind)

    def edit(self, kind: str, without: str, by: str = "ada") -> None:
        """Have somebody take a part of what is ours."""
        child = self.child(kind)
        entries = json.loads(self.children[child].fields)
        ours = {name: each for name, each in entries[0][2].items() if name != without}
        fields = json.dumps([["headrace", "Apply", ours], [by, "Update", {without: {}}]])
        self.children[child] = replace(self.children[child], fields=fields)

    def accept(self, kind: str) -> None:
        """Put it back."""
        child = self.child(kind)
        place = Place(self.rollout.spec.routing.provider)
        self.children[child] = place.children[child]


def applied(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give a manifest as the API server has it after we applied it."""
    parts = [name for name in manifest if name not in ("apiVersion", "kind")]
    names: dict[str, Any] = {f"f:{name}": {} for name in parts}
    entry = {"manager": "headrace", "operation": "Apply", "fieldsV1": names}
    return {**manifest, "metadata": {**manifest["metadata"], "managedFields": [entry]}}
