"""The controller against a real API server and a real Prometheus; the rest is played."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.api import Phase
from headrace.controller.process import Controller, Settings
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, EVENT, MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.played import Play, played

ROLLOUT = """
apiVersion: headrace.dev/v1alpha1
kind: ModelRollout
metadata: {name: flights}
spec:
  model: {name: flights, version: "1", uri: "s3://models/flights/1", digest: "sha256:%s"}
  routing: {provider: GatewayAPI, gateway: {name: models}}
  strategy:
    canary:
      steps:
      - {mirror: 100, hold: 2s}
      - {weight: 20, hold: 2s}
      - {weight: 50, hold: 2s}
  analysis:
    interval: 1s
    checks:
    - {name: errors, metric: error-rate, worseThanStable: {ratio: 3.0}}
"""
NUMBERS = itertools.count(1)


@dataclass
class Stage:
    """A controller at work, and the play around it."""

    cluster: Cluster
    namespace: str
    play: Play
    name: str = "flights"
    running: list[tuple[Controller, threading.Thread]] = field(default_factory=list)

    def start(self, identity: str = "one", lease: tuple[str, str] | None = None) -> Controller:
        settings = Settings(identity, (self.namespace,), lease, host="127.0.0.1", port=0)
        controller = Controller(self.cluster, PrometheusMetrics(self.play.prometheus), settings)
        thread = threading.Thread(target=controller.run, name=identity)
        thread.start()
        self.running.append((controller, thread))
        return controller

    def stop(self) -> None:
        for controller, thread in self.running:
            controller.stop()
            thread.join(20)
            assert not thread.is_alive()
        self.running.clear()

    def apply(self, version: str = "1", **changes: Any) -> None:
        manifest = yaml.safe_load(ROLLOUT % (version * 64))
        manifest["metadata"]["namespace"] = self.namespace
        manifest["spec"]["model"]["version"] = version
        manifest["spec"] |= changes
        self.cluster.apply(manifest)

    def status(self) -> dict[str, Any]:
        found = self.cluster.get(MODEL_ROLLOUT, self.namespace, self.name)
        assert found is not None
        return dict(found.get("status") or {})

    def until(self, phase: Phase, version: str, seconds: float = 90) -> dict[str, Any]:
        def is_there(status: dict[str, Any]) -> bool:
            live = status.get("stable", {}).get("version")
            return bool(status.get("phase") == phase and live == version)

        return self.when(is_there, seconds)

    def when(self, check: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while not check(status := self.status()):
            assert time.monotonic() < until, yaml.safe_dump(status.get("decision"))
            time.sleep(0.05)
        return status

    def generations(self) -> dict[str, int]:
        found, _ = self.cluster.list(DEPLOYMENT, self.namespace)
        return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}

    def events(self) -> list[dict[str, Any]]:
        found, _ = self.cluster.list(EVENT, self.namespace)
        return found


@pytest.fixture
def stage(server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    namespace = f"play-{next(NUMBERS)}"
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    cluster = Cluster.connect(str(server.kubeconfig))
    with played(cluster, namespace, tmp_path) as play:
        one = Stage(cluster, namespace, play)
        try:
            yield one
        finally:
            one.stop()


def test_a_first_version_goes_live_and_a_better_one_takes_its_place(stage: Stage) -> None:
    stage.start()
    stage.apply("1")
    stage.until(Phase.HEALTHY, "1")
    before = stage.generations()
    stage.apply("2")
    status = stage.until(Phase.HEALTHY, "2")
    assert [(e["version"], e["outcome"]) for e in status["history"]] == [
        ("1", "Live"),
        ("2", "Promoted"),
    ]
    assert stage.play.unserved == 0
    assert stage.play.copies["2"] > 0
    stage.when(lambda _: set(stage.play.weights()) == {"2"})
    assert set(before.items()) >= {(k, v) for k, v in stage.generations().items() if k in before}
    reasons = {event["reason"] for event in stage.events()}
    assert {"FirstVersionStarts", "FirstVersionLive", "RolloutStarts"} <= reasons


def test_a_worse_one_is_taken_back_with_the_numbers_in_a_sentence(stage: Stage) -> None:
    stage.play.behave("2").errors = 0.3
    stage.start()
    stage.apply("1")
    stage.until(Phase.HEALTHY, "1")
    stage.apply("2")
    status = stage.until(Phase.ROLLED_BACK, "1")
    assert "candidate failed" in status["decision"]["message"]
    assert stage.play.weights() == {"1": 100}
    warnings = [e for e in stage.events() if e["type"] == "Warning"]
    assert any("candidate failed" in event["message"] for event in warnings)
