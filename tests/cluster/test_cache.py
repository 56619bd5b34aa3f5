"""What the cache knows, against a real API server."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from headrace.errors import PlatformUnavailable
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, SERVICE, Kind
from headrace.runtime.kubernetes.watching import Watcher
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.scenes import ALONE, Scene

WIDGET = Kind("tests.headrace.dev/v1", "Widget", "widgets", optional=True)


def definition() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    spec = {"group": "tests.headrace.dev", "scope": "Namespaced", "names": names}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.tests.headrace.dev"},
        "spec": {**spec, "versions": [version]},
    }


def test_rollouts_are_kept_as_they_are_and_their_changes_are_told(scene: Scene) -> None:
    key, metadata = scene.rollout.key, scene.rollout.metadata
    eventually(lambda: key in scene.cache.rollouts())
    known = scene.cache.rollouts()[key]
    found = scene.cluster.get(MODEL_ROLLOUT, metadata.namespace, metadata.name)
    assert found is not None
    del found["metadata"]["managedFields"]
    assert dict(known) == found
    scene.serve(replicas=3)
    eventually(lambda: scene.cache.rollouts()[key]["spec"]["serving"]["replicas"] == 3)
    scene.cluster.delete(MODEL_ROLLOUT, metadata.namespace, metadata.name, scene.uid)
    eventually(lambda: key not in scene.cache.rollouts())


def test_every_change_calls_for_its_rollout_and_for_no_other(scene: Scene) -> None:
    told: Counter[str] = Counter()
    lock = threading.Lock()

    def on_change(key: str, kind: Kind) -> None:
        with lock:
            told[key] += 1

    cluster = Cluster.connect(str(scene.server.kubeconfig))
    cache = Cache(cluster, [scene.rollout.metadata.namespace], on_change)
    cache.start()
    try:
        assert cache.wait(300)
        assert set(told) == {scene.rollout.key}
        before = cache.change(scene.rollout.key)
        scene.apply(ALONE)
        eventually(lambda: len(cache.children(scene.rollout.key)) == 6)
        assert cache.change(scene.rollout.key) >= before + 6
        assert set(told) == {scene.rollout.key}
    finally:
        cache.stop()
        cluster.close()


def test_what_carries_no_label_of_ours_is_not_even_sent(scene: Scene) -> None:
    namespace = scene.rollout.metadata.namespace
    metadata = {"name": "theirs", "namespace": namespace}
    spec = {"ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    scene.cluster.create(service)
    scene.apply(ALONE)
    children = scene.cache.children(scene.rollout.key)
    assert (SERVICE.kind, "theirs") not in children
    assert len(children) == 6


class Shelf:
    """Keeps names of what a watcher tells."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def put(self, kind: Kind, thing: Any) -> None:
        self.names.add(thing["metadata"]["name"])

    def drop(self, kind: Kind, thing: Any) -> None:
        self.names.discard(thing["metadata"]["name"])

    def keep_only(self, kind: Kind, namespace: str, uids: set[str], version: int) -> None:
        if not uids:
            self.names.clear()


def test_a_kind_that_is_installed_later_is_found(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.runtime.kubernetes.watching.ABSENT_PAUSE", 0.2)
    cluster, shelf = Cluster.connect(str(server.kubeconfig)), Shelf()
    watcher = Watcher(cluster, WIDGET, "", "", shelf)
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        assert watcher.synced.wait(300)
        assert watcher.absent
        server.define([definition()])
        eventually(lambda: not watcher.absent)
        metadata = {"name": "one", "namespace": "default"}
        made = server.ask(
            "POST",
            WIDGET.path("default"),
            {"apiVersion": WIDGET.api_version, "kind": "Widget", "metadata": metadata},
        )
        assert made.code == 201, made.message
        eventually(lambda: shelf.names == {"one"})
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.tests.headrace.dev"
        server.ask("DELETE", path)
        eventually(lambda: watcher.absent and not shelf.names)
    finally:
        watcher.stop()
        thread.join()
        cluster.close()


def test_before_everything_has_been_listed_nothing_is_known(server: ApiServer) -> None:
    cluster = Cluster.connect(str(server.kubeconfig))
    with pytest.raises(PlatformUnavailable, match="are being listed"):
        Cache(cluster).require()
    cluster.close()
