"""What others do to the objects of a rollout, and what becomes of objects without one."""

from __future__ import annotations

import pytest

from headrace.api.rollout import Metadata
from headrace.engine.observations import VersionState
from headrace.errors import PlatformUnavailable
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, SERVICE
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import created, eventually
from tests.cluster.scenes import ALONE, STABLE, Scene, platform_of, split


def test_what_is_not_owned_by_this_rollout_is_never_deleted(scene: Scene) -> None:
    namespace = scene.rollout.metadata.namespace
    labels = {"headrace.dev/rollout": scene.rollout.metadata.name}
    metadata = {"name": "somebodys", "namespace": namespace, "labels": labels}
    spec = {"ports": [{"port": 80}]}
    scene.cluster.create(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    )
    scene.settle(ALONE)
    assert "somebodys" in scene.names(SERVICE)


def test_a_hand_edit_is_put_back_and_told(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(DEPLOYMENT)
    scene.cluster.patch(DEPLOYMENT, namespace, name, {"spec": {"replicas": 9}})
    scene.hears_of(DEPLOYMENT, name)
    assert scene.apply(ALONE) == 1
    after = scene.cluster.get(DEPLOYMENT, namespace, name)
    assert after is not None
    assert after["spec"]["replicas"] == 1
    assert scene.apply(ALONE) == 0
    ((reason, message),) = scene.platform.notes(scene.rollout.key)
    assert reason == "EditUndone"
    assert "spec.replicas" in message


def test_a_child_that_is_deleted_by_hand_is_made_again(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    found = scene.cluster.get(HTTP_ROUTE, namespace, "flight-delay")
    assert found is not None
    scene.cluster.delete(HTTP_ROUTE, namespace, "flight-delay", found["metadata"]["uid"])
    scene.hears_of(HTTP_ROUTE, "flight-delay")
    assert scene.apply(ALONE) == 1
    assert scene.names(HTTP_ROUTE) == {"flight-delay"}
    ((reason, _),) = scene.platform.notes(scene.rollout.key)
    assert reason == "DeletionUndone"


def test_an_edit_while_nobody_looked_is_found_by_the_next_process(
    scene: Scene, server: ApiServer
) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(SERVICE)
    edited = {"spec": {"selector": {"headrace.dev/revision": "other"}}}
    server.ask("PATCH", f"{SERVICE.path(namespace, name)}?fieldManager=ada", edited, "merge")
    with platform_of(server, namespace) as (_, _, platform):
        platform.apply(scene.rollout, ALONE)
        ((reason, message),) = platform.notes(scene.rollout.key)
    assert (reason, "by ada" in message) == ("EditUndone", True)
    after = scene.cluster.get(SERVICE, namespace, name)
    assert after is not None
    assert after["spec"]["selector"]["headrace.dev/revision"] != "other"


def test_the_autoscaler_takes_over_the_pods_that_there_are(scene: Scene) -> None:
    scene.serve(replicas=5)
    scene.settle(ALONE)
    scaled = {"cpu": 70, "maxReplicas": 9}
    scene.serve(replicas=2, autoscaling=scaled, resources={"requests": {"cpu": "1000m"}})
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(DEPLOYMENT)
    found = scene.cluster.get(DEPLOYMENT, namespace, name)
    assert found is not None
    assert found["spec"]["replicas"] == 5
    path = DEPLOYMENT.path(namespace, name, "scale")
    scale = {"spec": {"replicas": 7}}
    server_answer = scene.server.ask("PATCH", f"{path}?fieldManager=hpa", scale, "merge")
    assert server_answer.code == 200
    scene.hears_of(DEPLOYMENT, name)
    assert scene.apply(ALONE) == 0
    assert scene.platform.notes(scene.rollout.key) == []


def test_a_fixed_number_of_pods_is_put_back(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(DEPLOYMENT)
    path = DEPLOYMENT.path(namespace, name, "scale")
    scene.server.ask("PATCH", f"{path}?fieldManager=ada", {"spec": {"replicas": 7}}, "merge")
    scene.hears_of(DEPLOYMENT, name)
    assert scene.apply(ALONE) == 1
    ((_, message),) = scene.platform.notes(scene.rollout.key)
    assert message.startswith("spec.replicas of Deployment")


def test_an_object_of_somebody_else_is_not_taken_over(scene: Scene) -> None:
    namespace = scene.rollout.metadata.namespace
    theirs = {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": "HTTPRoute",
        "metadata": {"name": "flight-delay", "namespace": namespace},
        "spec": {"rules": [{"backendRefs": [{"name": "theirs", "port": 80}]}]},
    }
    scene.cluster.create(theirs)
    with pytest.raises(PlatformUnavailable, match="is not Headrace's"):
        scene.apply(ALONE)
    found = scene.cluster.get(HTTP_ROUTE, namespace, "flight-delay")
    assert found is not None
    assert found["spec"]["rules"][0]["backendRefs"][0]["name"] == "theirs"
    assert len(scene.names(DEPLOYMENT)) == 1, "what does not depend on the route is there"


@pytest.mark.parametrize("label", [None, "another"], ids=["none", "another's"])
def test_an_object_whose_label_was_changed_is_taken_back(scene: Scene, label: str | None) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(SERVICE)
    changed = {"metadata": {"labels": {"headrace.dev/rollout": label}}}
    path = f"{SERVICE.path(namespace, name)}?fieldManager=ada"
    scene.server.ask("PATCH", path, changed, "merge")
    key = scene.rollout.key
    eventually(lambda: (SERVICE.kind, name) not in scene.cache.children(key))
    scene.apply(ALONE)
    scene.settle(ALONE)
    found = scene.cluster.get(SERVICE, namespace, name)
    assert found is not None
    assert found["metadata"]["labels"]["headrace.dev/rollout"] == "flight-delay"


def test_stable_outlives_its_rollout_and_is_taken_up_by_the_next_of_its_name(
    scene: Scene,
) -> None:
    scene.settle(split(5))
    scene.settle(ALONE)
    scene.platform.release(scene.rollout, ALONE)
    namespace = scene.rollout.metadata.namespace
    for kind in (DEPLOYMENT, SERVICE, HTTP_ROUTE):
        for each in scene.cluster.list(kind, namespace)[0]:
            assert "ownerReferences" not in each["metadata"]
    uid = scene.uid
    scene.cluster.delete(MODEL_ROLLOUT, namespace, "flight-delay", uid)
    scene.platform.forget(scene.rollout.key)
    without = scene.rollout.model_copy(
        update={"metadata": Metadata(name="flight-delay", namespace=namespace)}
    )
    scene.rollout = created(scene.cluster, without)
    assert scene.uid != uid
    assert scene.apply(ALONE) == 6
    scene.settle(ALONE)
    (found,) = scene.cluster.list(DEPLOYMENT, namespace)[0]
    assert [each["uid"] for each in found["metadata"]["ownerReferences"]] == [scene.uid]


def test_what_belongs_to_a_deleted_rollout_of_the_same_name_is_waited_for(scene: Scene) -> None:
    scene.settle(ALONE)
    namespace = scene.rollout.metadata.namespace
    scene.cluster.delete(MODEL_ROLLOUT, namespace, "flight-delay", scene.uid)
    without = scene.rollout.model_copy(
        update={"metadata": Metadata(name="flight-delay", namespace=namespace)}
    )
    scene.rollout = created(scene.cluster, without)
    with pytest.raises(PlatformUnavailable, match="still belongs to another owner"):
        scene.apply(ALONE)
    scene.with_status(stable=STABLE)
    scene.nodes.run()
    assert scene.platform.observe(scene.rollout).versions == {"6": VersionState(1, 0)}
