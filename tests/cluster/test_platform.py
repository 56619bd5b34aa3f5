"""The platform against a real API server; the nodes and the gateway are played."""

from __future__ import annotations

import pytest

from headrace.api import Traffic
from headrace.engine.observations import VersionState
from headrace.errors import PlatformUnavailable
from headrace.render.labels import pod_labels
from headrace.runtime.kubernetes.answers import NamespaceEnding
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, SERVICE, Kind
from tests.cluster.api_server import ApiServer
from tests.cluster.doubles import eventually
from tests.cluster.scenes import (
    ALONE,
    CANDIDATE,
    STABLE,
    Scene,
    asked,
    platform_of,
    scene_of,
    split,
)


def test_a_plan_is_applied_once_and_costs_nothing_after_that(scene: Scene) -> None:
    first = scene.apply(ALONE)
    assert first == 6  # account, deployment, service, budget, policy, route
    assert scene.apply(ALONE) == 0
    assert scene.apply(ALONE) == 0
    assert scene.platform.settled(scene.rollout, ALONE)
    assert scene.apply(split(0)) == 6
    assert scene.apply(split(5)) == 1
    assert scene.apply(split(5)) == 0
    assert scene.platform.notes(scene.rollout.key) == []


def test_a_write_of_a_status_answers_with_the_metadata_alone(scene: Scene) -> None:
    metadata = scene.rollout.metadata
    found = scene.cluster.get(MODEL_ROLLOUT, metadata.namespace, metadata.name)
    assert found is not None
    answer = scene.cluster.replace_status({**found, "status": {"phase": "Healthy"}})
    assert answer["kind"] == "PartialObjectMetadata"
    assert not {"spec", "status"} & answer.keys()
    kept = scene.cluster.get(MODEL_ROLLOUT, metadata.namespace, metadata.name)
    assert kept is not None
    assert kept["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
    assert kept["status"]["phase"] == "Healthy"


def test_a_version_is_ready_when_its_deployment_says_so(scene: Scene) -> None:
    scene.with_status(stable=STABLE)
    scene.apply(ALONE)
    assert scene.platform.observe(scene.rollout).versions == {"6": VersionState(1, 0)}
    scene.nodes.run()
    eventually(lambda: scene.platform.observe(scene.rollout).versions == {"6": VersionState(1, 1)})


def test_traffic_is_seen_when_the_gateway_has_taken_the_route_over(scene: Scene) -> None:
    scene.with_status(stable=STABLE, candidate=CANDIDATE)
    assert scene.platform.observe(scene.rollout).traffic == Traffic()
    scene.apply(split(5))
    assert scene.platform.observe(scene.rollout).traffic is None
    scene.gateways.take()
    eventually(lambda: scene.platform.observe(scene.rollout).traffic == split(5).traffic)
    scene.apply(split(25))
    assert scene.platform.observe(scene.rollout).traffic is None
    scene.gateways.take()
    eventually(lambda: scene.platform.observe(scene.rollout).traffic == split(25).traffic)


def test_versions_go_only_after_the_gateway_has_forgotten_them(scene: Scene) -> None:
    scene.settle(split(0))
    assert len(scene.names(DEPLOYMENT)) == 2
    scene.apply(ALONE)
    assert scene.apply(ALONE) == 0
    assert len(scene.names(DEPLOYMENT)) == len(scene.names(SERVICE)) == 2
    scene.settle(ALONE)
    assert len(scene.names(DEPLOYMENT)) == len(scene.names(SERVICE)) == 1
    assert scene.platform.notes(scene.rollout.key) == []


def test_without_a_word_from_the_gateway_nothing_goes_and_people_are_told(scene: Scene) -> None:
    scene.apply(split(0))
    for _ in range(3):
        scene.apply(ALONE)
        scene.platform.observe(scene.rollout)
        scene.clock.advance(100)
    assert len(scene.names(DEPLOYMENT)) == 2
    ((reason, message),) = scene.platform.notes(scene.rollout.key)
    assert reason == "RouteIgnored"
    assert "is it there, and its controller at work?" in message


def test_a_route_that_is_made_anew_may_still_be_carried_as_it_was(
    scene: Scene, server: ApiServer
) -> None:
    scene.settle(split(5))
    scene.apply(ALONE)
    namespace = scene.rollout.metadata.namespace
    (name,) = scene.names(HTTP_ROUTE)
    found = scene.cluster.get(HTTP_ROUTE, namespace, name)
    assert found is not None
    scene.cluster.delete(HTTP_ROUTE, namespace, name, found["metadata"]["uid"])
    with platform_of(server, namespace) as (_, _, platform):
        platform.apply(scene.rollout, ALONE)
        assert scene.names(HTTP_ROUTE) == {name}
        for _ in range(3):
            platform.apply(scene.rollout, ALONE)
        assert len(scene.names(DEPLOYMENT)) == 2
        scene.gateways.take()

        def is_settled() -> bool:
            platform.apply(scene.rollout, ALONE)
            return platform.settled(scene.rollout, ALONE)

        eventually(is_settled)
    assert len(scene.names(DEPLOYMENT)) == 1


def test_a_new_process_finds_everything_in_place_and_asks_nothing(
    scene: Scene, server: ApiServer
) -> None:
    scene.settle(split(5))
    with platform_of(server, scene.rollout.metadata.namespace) as again:
        cluster, _, platform = again
        before = asked(cluster)
        platform.apply(scene.rollout, split(5))
        assert platform.settled(scene.rollout, split(5))
        assert asked(cluster) == before
        assert platform.notes(scene.rollout.key) == []


def test_a_kind_that_is_missing_is_named_and_nothing_else_waits_for_it(
    server: ApiServer,
) -> None:
    with scene_of(server, monitoring={"provider": "PrometheusOperator"}) as scene:
        lacking = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", optional=True)
        watcher = next(w for w in scene.cache.watchers if w.kind == lacking)
        watcher.absent = True
        with pytest.raises(PlatformUnavailable, match="install the Prometheus operator"):
            scene.apply(ALONE)
        assert len(scene.names(DEPLOYMENT)) == len(scene.names(HTTP_ROUTE)) == 1


def test_a_crash_is_told_with_the_last_words_of_the_server(scene: Scene) -> None:
    scene.with_status(stable=STABLE, candidate=CANDIDATE)
    scene.settle(split(0))
    refused = "headrace: refused: DigestMismatch: The bundle at s3://m/7 has another digest."
    ended = {"exitCode": 3, "reason": "Error", "message": f"loading\n{refused}\n"}
    container = {
        "name": "model",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
        "lastState": {"terminated": {**ended, "finishedAt": "2026-01-01T00:00:00Z"}},
    }
    labels = pod_labels(scene.rollout, CANDIDATE)
    scene.nodes.pod(labels, {"phase": "Running", "containerStatuses": [container]})
    eventually(lambda: scene.platform.observe(scene.rollout).versions["7"].restarts)
    state = scene.platform.observe(scene.rollout).versions["7"]
    assert state.restarts == 4
    assert state.refused == "DigestMismatch: The bundle at s3://m/7 has another digest."


def test_in_a_namespace_that_is_being_deleted_nothing_is_made_and_nobody_is_blamed(
    scene: Scene,
) -> None:
    namespace = scene.rollout.metadata.namespace
    scene.server.ask("DELETE", f"/api/v1/namespaces/{namespace}")
    with pytest.raises(NamespaceEnding, match="is being terminated") as caught:
        scene.apply(ALONE)
    assert "ClusterRole" not in str(caught.value)
    assert scene.platform.observe(scene.rollout).ending
