"""What is found of changes by others, and how often they are put back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from headrace.api import Traffic
from headrace.api.rollout import Metadata
from headrace.engine.plan import Plan
from headrace.runtime.kubernetes.drift import FIRST_PATIENCE, LONGEST_PATIENCE, Drift
from headrace.runtime.kubernetes.kinds import SERVICE, kind_of
from headrace.runtime.kubernetes.memory import Memory
from headrace.runtime.kubernetes.pieces import manifests_of, pieces_of
from headrace.runtime.kubernetes.seen import Child, Seen, see
from headrace.runtime.kubernetes.takeover import GRACE, is_taken_over
from tests.unit.render.rollouts import built, model

UID = "3b1f"
PLAN = Plan(model("6"), None, Traffic(stable=100))


class Place:
    """A rollout whose objects exist as they were applied."""

    def __init__(self, router: str = "GatewayAPI") -> None:
        rollout = built(router=router)
        metadata = Metadata.model_validate({**rollout.metadata.model_dump(), "uid": UID})
        self.rollout = rollout.model_copy(update={"metadata": metadata})
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


def test_what_is_as_it_was_applied_is_not_due() -> None:
    place = Place()
    assert place.due() == []
    assert place.memory.notes == []


def test_what_is_missing_leaving_or_without_its_owner_is_due() -> None:
    place = Place()
    del place.children[place.child("Deployment")]
    service, budget = place.child("Service"), place.child("PodDisruptionBudget")
    place.children[service] = replace(place.children[service], leaving=True)
    place.children[budget] = replace(place.children[budget], owner="")
    assert place.due() == ["Deployment", "Service", "PodDisruptionBudget"]
    assert place.memory.notes == [], "nobody knows that it was ever there"


def test_what_was_there_and_is_missing_is_told() -> None:
    place = Place()
    place.due()
    del place.children[place.child("Deployment")]
    assert place.due() == place.due() == ["Deployment"]
    ((reason, message),) = place.memory.notes
    assert reason == "DeletionUndone"
    assert message.startswith("Deployment flight-delay-6-")


def test_an_edit_is_due_and_told_with_who_it_was() -> None:
    place = Place()
    place.due()
    place.edit("Service", "f:spec")
    assert place.due() == ["Service"]
    ((reason, message),) = place.memory.notes
    assert reason == "EditUndone"
    assert message.startswith("spec of Service flight-delay-6-")
    assert message.endswith("was changed by ada; it is put back")


def test_a_fight_is_fought_less_and_less_often() -> None:
    place, times, now = Place(), 0, 0.0
    while now < 3600:
        place.edit("Service", "f:spec")
        if place.due(now):
            times += 1
            place.accept("Service")
        now += FIRST_PATIENCE
    assert 6 <= times <= 2 + 3600 / LONGEST_PATIENCE + 7


def test_a_route_that_nobody_answers_for_is_given_a_while() -> None:
    place = Place()
    assert not is_taken_over(place.memory, place.children, 0.0)
    assert not is_taken_over(place.memory, place.children, GRACE - 0.1)
    assert is_taken_over(place.memory, place.children, GRACE)


def test_a_route_that_is_not_as_it_should_be_is_not_taken_over() -> None:
    place = Place(router="None")
    route = (SERVICE.kind, "flight-delay")
    place.children[route] = replace(place.children[route], applied="older")
    assert not is_taken_over(place.memory, place.children, 0.0)
    assert not is_taken_over(place.memory, place.children, 1000.0)
