"""Rollouts that a pipeline delivers to a real API server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.delivery.await_rollout import await_rollout, page_of, patience_of
from headrace.delivery.roll_out import Delivered, roll_out
from headrace.delivery.template import ModelVersion
from headrace.errors import Conflict, NotFound, PermanentError
from headrace.runtime.kubernetes.answers import Object
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.stage import staged

PATIENCE = patience_of("10m", "100ms")

TEMPLATE = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flights}
spec:
  routing: {provider: GatewayAPI, gateway: {name: models}}
  strategy: {canary: {steps: [{weight: 5, hold: 5m}, {weight: 50, hold: 10m}]}}
  analysis:
    checks: [{name: errors, metric: error-rate, worseThanStable: {ratio: 1.5}}]
"""


class Namespace:
    """A namespace of a test's own."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.cluster = Cluster.connect(str(server.kubeconfig))
        self.name = name

    def deliver(self, version: str, template: str = TEMPLATE, force: bool = False) -> Delivered:
        model = ModelVersion("flights", version, f"s3://models/{version}", f"sha256:{version * 64}")
        return roll_out(template, model, f"kubernetes:///{self.name}", force=force)

    def read(self) -> Object:
        found = self.cluster.get(MODEL_ROLLOUT, self.name, "flights")
        assert found is not None
        return found


@pytest.fixture
def namespace(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    made = server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.code == 201, made.message
    yield Namespace(server, name)
    server.ask("DELETE", f"/api/v1/namespaces/{name}")


def test_the_rollout_is_there_and_a_retry_makes_no_second_one(namespace: Namespace) -> None:
    first = namespace.deliver("1")
    made = namespace.read()
    second = namespace.deliver("1")
    assert first.name == f"{namespace.name}/flights"
    assert first.place == f"{namespace.name}/flights in context tests"
    assert (first.changed, second.changed) == (True, False)
    found, _ = namespace.cluster.list(MODEL_ROLLOUT, namespace.name)
    assert [each["metadata"]["uid"] for each in found] == [made["metadata"]["uid"]]
    assert made["spec"]["model"]["version"] == "1"
    # No write at all: nobody who watches it is told of a change.
    assert namespace.read()["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_the_next_version_changes_the_same_rollout(namespace: Namespace) -> None:
    namespace.deliver("1")
    assert namespace.deliver("2").changed
    assert namespace.read()["spec"]["model"]["uri"] == "s3://models/2"
    assert namespace.read()["metadata"]["generation"] == 2


def test_what_somebody_else_has_set_is_left_to_them_unless_it_is_forced(
    namespace: Namespace,
) -> None:
    namespace.deliver("1")
    merge = {"spec": {"model": {"version": "0", "digest": "sha256:" + "0" * 64}}}
    namespace.cluster.patch(MODEL_ROLLOUT, namespace.name, "flights", merge)
    with pytest.raises(Conflict, match=r"(?s)spec\.model\.version.*take the fields over"):
        namespace.deliver("2")
    assert namespace.read()["spec"]["model"]["version"] == "0"
    namespace.deliver("2", force=True)
    assert namespace.read()["spec"]["model"]["version"] == "2"


def test_what_the_controller_writes_is_no_conflict(namespace: Namespace) -> None:
    namespace.deliver("1")
    seen = namespace.read()
    namespace.cluster.replace_status({**seen, "status": {"phase": "Healthy"}})
    merge = {"metadata": {"finalizers": ["headrace.dev/leave-stable-serving"]}}
    namespace.cluster.patch(MODEL_ROLLOUT, namespace.name, "flights", merge)
    namespace.deliver("2")
    seen = namespace.read()
    assert seen["status"] == {"phase": "Healthy"}
    assert seen["metadata"]["finalizers"] == ["headrace.dev/leave-stable-serving"]
    nothing = {"metadata": {"finalizers": None}}
    namespace.cluster.patch(MODEL_ROLLOUT, namespace.name, "flights", nothing)


def test_a_namespace_that_is_not_there_is_told(server: ApiServer, namespace: Namespace) -> None:
    namespace.name = "nowhere-at-all"
    with pytest.raises(NotFound, match="nowhere-at-all"):
        namespace.deliver("1")


def test_what_the_server_refuses_is_told_in_its_words(namespace: Namespace) -> None:
    template = TEMPLATE.replace("name: models", "name: models, port: 80")
    with pytest.raises(PermanentError, match="port"):
        namespace.deliver("1", template)


def test_a_rollout_is_followed_to_its_end(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    with staged(server, tmp_path) as stage:
        stage.start()
        stage.go_live()
        stage.apply("2")
        said: list[str] = []
        followed = await_rollout(
            f"{stage.namespace}/flights", "2", "kubernetes://", PATIENCE, said.append
        )
    assert followed.ending.outcome == "Promoted"
    assert {20, 50} <= {record.asked.candidate for record in followed.records}
    assert said[-1].startswith("2: Promoted: ")
    page = page_of(followed)
    assert "<svg" in page
    assert "promoted" in page
