"""A controller at work on a real API server and a real Prometheus, for its tests."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from headrace.api import Phase
from headrace.controller.process import Controller, Settings
from headrace.errors import HeadraceError
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, EVENT, MODEL_ROLLOUT
from tests.cluster.api_server import ApiServer
from tests.cluster.played import Play, played
from tests.guarded import Guarded

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
LOG_LINES = 40
NUMBERS = itertools.count(1)


@dataclass
class Stage:
    """A controller at work, and the play around it."""

    cluster: Cluster
    namespace: str
    play: Play
    kubeconfig: Path
    folder: Path
    name: str = "flights"
    running: list[tuple[Controller, threading.Thread]] = field(default_factory=list)
    processes: list[Guarded] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def another(self, name: str) -> Stage:
        """Give the same stage for another rollout."""
        return replace(self, name=name)

    def start(
        self,
        identity: str = "one",
        *,
        prometheus: str = "",
        clock: Callable[[], float] = time.time,
    ) -> Controller:
        """Start a controller in this process, alone unless another one is started, too."""
        settings = Settings(identity, (self.namespace,), None, host="127.0.0.1", port=0)
        metrics = PrometheusMetrics(prometheus or self.play.prometheus)
        controller = Controller(self.cluster, metrics, settings, clock=clock)
        thread = threading.Thread(target=controller.run, name=identity)
        thread.start()
        self.running.append((controller, thread))
        return controller

    def spawn(
        self, identity: str = "one", *more: str, kubeconfig: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a controller as a process of its own."""
        command = [
            *(sys.executable, "-m", "headrace.cli.main", "controller", "--identity", identity),
            *("--prometheus", self.play.prometheus, "--namespaces", self.namespace),
            *("--kubeconfig", str(kubeconfig or self.kubeconfig)),
            *("--host", "127.0.0.1", "--port", "0", "--log-format", "text", *more),
        ]
        path = self.folder / f"{identity}.log"
        with path.open("ab") as log:
            guarded = Guarded(command, log)
        self.processes.append(guarded)
        self.logs.append(path)
        return guarded.process

    def stop(self) -> None:
        for process in self.processes:
            process.stop(60)
        for controller, thread in self.running:
            controller.stop()
            thread.join(60)
            assert not thread.is_alive()
        self.running.clear()

    def apply(self, version: str = "1", **changes: Any) -> None:
        manifest = yaml.safe_load(ROLLOUT % (version * 64))
        manifest["metadata"] = {"name": self.name, "namespace": self.namespace}
        manifest["spec"]["model"]["version"] = version
        manifest["spec"] |= changes
        self.cluster.apply(manifest)

    def go_live(self) -> None:
        """Have version 1 live; that nobody answered before it was is nobody's fault."""
        self.apply("1")
        self.until(Phase.HEALTHY, "1")
        self.play.unserved = 0

    def status(self) -> dict[str, Any]:
        found = self.cluster.get(MODEL_ROLLOUT, self.namespace, self.name)
        assert found is not None
        return dict(found.get("status") or {})

    def generation(self) -> int:
        """Give the generation of the spec, which a status tells that it is about."""
        found = self.cluster.get(MODEL_ROLLOUT, self.namespace, self.name)
        assert found is not None
        return int(found["metadata"]["generation"])

    def until(self, phase: Phase, version: str, seconds: float = 300) -> dict[str, Any]:
        def is_there(status: dict[str, Any]) -> bool:
            live = status.get("stable", {}).get("version")
            return bool(status.get("phase") == phase and live == version)

        return self.when(is_there, seconds)

    def when(self, check: Callable[[dict[str, Any]], bool], seconds: float = 300) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while not check(status := self.status()):
            assert time.monotonic() < until, yaml.safe_dump(status.get("decision"))
            time.sleep(0.05)
        return status

    def weights(self) -> dict[str, int]:
        """Give the live weights by version, as users meet them now."""
        predictors = self.play.operator.routes.get(self.name)
        if predictors is not None:
            return {each.version: each.weight for each in predictors if not each.shadow}
        return self.play.weights(self.name)

    def history(self) -> list[tuple[str, str]]:
        """Give what was live when, as versions and what became of them."""
        return [(each["version"], each["outcome"]) for each in self.status().get("history", ())]

    def generations(self) -> dict[str, int]:
        found, _ = self.cluster.list(DEPLOYMENT, self.namespace)
        return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}

    def events(self) -> list[dict[str, Any]]:
        found, _ = self.cluster.list(EVENT, self.namespace)
        return found

    def story(self) -> str:
        """Give what explains a failure: the status, and how the controllers' logs end."""
        try:
            found = self.cluster.get(MODEL_ROLLOUT, self.namespace, self.name) or {}
            shown = [yaml.safe_dump(found.get("status"), sort_keys=False)]
        except HeadraceError as error:
            shown = [str(error)]
        for log in dict.fromkeys(self.logs):
            lines = log.read_text("utf-8", errors="replace").splitlines()
            shown += [f"{log.name} ends with:", *lines[-LOG_LINES:]]
        return "\n".join(shown)


@contextmanager
def staged(server: ApiServer, folder: Path) -> Iterator[Stage]:
    """Give a stage in a namespace of its own; its controllers end with it."""
    namespace = f"play-{next(NUMBERS)}"
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    cluster = Cluster.connect(str(server.kubeconfig))
    with played(cluster, namespace, folder) as play:
        one = Stage(cluster, namespace, play, server.kubeconfig, folder)
        try:
            yield one
        finally:
            one.stop()
