"""A ModelRollout that is deleted and cannot be read leaves what runs, or takes all with it."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.controller.cluster_parting import ClusterParting
from headrace.controller.kept import FINALIZER, KeptRollouts
from headrace.controller.resources import Unreadable
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, OWNED
from tests.cluster.scenes import Scene, split


def owned(scene: Scene) -> dict[tuple[str, str], tuple[Any, Any]]:
    """Give the owners and the spec of everything that there is."""
    return {
        (kind.kind, each["metadata"]["name"]): (
            each["metadata"].get("ownerReferences"),
            each.get("spec"),
        )
        for kind in OWNED
        for each in scene.cluster.list(kind, scene.rollout.metadata.namespace)[0]
        if each["metadata"]["name"] not in ("default", "kube-root-ca.crt")
    }


def spoilt(scene: Scene, **spec: Any) -> KeptRollouts:
    """Have the spec invalid, though the CRD takes it, and the rollout deleted."""
    metadata = scene.rollout.metadata
    place = (MODEL_ROLLOUT, metadata.namespace, metadata.name)
    wrong = {"schedule": "0 18 * * 5", "duration": "62h", "timezone": "Europe/Vienne"}
    changed = {"metadata": {"finalizers": [FINALIZER, "example.com/mine"]}}
    scene.cluster.patch(*place, {**changed, "spec": {"freeze": [wrong], **spec}})
    scene.cluster.delete(*place, scene.uid)

    def objects() -> dict[str, Any]:
        found = scene.cluster.get(*place)
        return {} if found is None else {scene.rollout.key: found}

    return KeptRollouts(objects, scene.cluster)


@pytest.mark.parametrize("on_delete", ["Keep", "Delete"])
def test_nothing_of_it_is_changed_but_its_owner(scene: Scene, on_delete: str) -> None:
    scene.settle(split(5))
    before = owned(scene)
    assert all(owners for owners, _ in before.values())
    kept = spoilt(scene, onDelete=on_delete)
    (resource,) = kept.all().values()
    assert isinstance(resource, Unreadable)
    assert resource.deleting is not None
    gone: list[str] = []
    ClusterParting(scene.platform, gone.append).abandon(resource)
    kept.let_go(resource)
    after = owned(scene)
    assert {key: spec for key, (_, spec) in after.items()} == {
        key: spec for key, (_, spec) in before.items()
    }
    stays = on_delete == "Keep"
    assert {bool(owners) for owners, _ in after.values()} == {not stays}
    (left,) = kept.all().values()
    assert left.finalizers == ("example.com/mine",)
    assert gone == [scene.rollout.key]
