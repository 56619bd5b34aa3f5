"""The rest of a cluster around a real API server and a real Prometheus.

Played, by their rules: the kubelets (pods run), the gateway's controller (routes are taken over),
and users with an Envoy Gateway: requests split as the HTTPRoute says it at that moment, counted
under Envoy's names for positions in the route. The counts are kept, as the truth to compare with.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from headrace.errors import HeadraceError
from headrace.render.gateway import is_open
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE
from headrace.runtime.local.monitoring import Monitoring
from headrace.runtime.local.ports import Ports
from headrace.runtime.local.prometheus_binary import find_prometheus
from tests.cluster.doubles import GatewayController, Nodes
from tests.guarded import Guarded

SCRAPE = 0.5
"""Seconds between two scrapes."""

STEP = 0.05
"""Seconds between two moves of the play."""

BOUNDS = (1, 5, 10, 25, 50, 100, 250, 500, 1000)
"""Milliseconds, of Envoy's histogram."""


@dataclass
class Behaviour:
    """How one version answers.

    Attributes:
        errors: Share of its answers that are 5xx.
        milliseconds: Mean of its times, exponentially distributed.
        ready: Whether its pods become ready.
    """

    errors: float = 0.01
    milliseconds: float = 20.0
    ready: bool = True


@dataclass
class Play:
    """Everything around the controller.

    Attributes:
        cluster: As an administrator.
        namespace: Of the rollouts.
        rate: Requests a second, of each route.
        behaviours: By version; others behave well.
        answers: By version and class: what users got.
        copies: By version: what was copied to it.
        unserved: Requests that nobody answered.
        prometheus: Its address.
    """

    cluster: Cluster
    namespace: str
    rate: float = 400.0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    unserved: int = 0
    prometheus: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(20)
        self._counters: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._due = 0.0
        self.faults: list[BaseException] = []

    def behave(self, version: str) -> Behaviour:
        """Give a version's behaviour, to be changed."""
        return self.behaviours.setdefault(version, Behaviour())

    def weights(self, name: str) -> dict[str, int]:
        """Give the live weights by version, as the route of this name has them now."""
        routes, _ = self.cluster.list(HTTP_ROUTE, self.namespace)
        versions = self._versions()
        named = [route for route in routes if route["metadata"]["name"] == name]
        live = [opened(route)[1] for route in named]
        return {
            versions.get(backend["name"], "?"): backend.get("weight", 1)
            for rule in live
            for backend in rule["backendRefs"]
        }

    def run(self) -> None:
        """Play until stopped."""
        last = time.monotonic()
        while not self._stop.wait(STEP):
            now = time.monotonic()
            try:
                self._nodes()
                GatewayController(self.cluster, self.namespace).take()
                self._serve(now - last)
            except HeadraceError:
                # Somebody else wrote at the same moment, or the API server is away for a test.
                continue
            except BaseException as error:
                self.faults.append(error)
                raise
            finally:
                last = now

    def stop(self) -> None:
        """End the play."""
        self._stop.set()

    def page(self) -> str:
        """Write the counters as Envoy does."""
        with self._lock:
            counters = dict(self._counters)
        lines = []
        for (name, cluster, label), value in sorted(counters.items()):
            key = "le" if name.endswith("bucket") else "envoy_response_code_class"
            lines.append(f'{name}{{envoy_cluster_name="{cluster}",{key}="{label}"}} {value}')
        return "\n".join(lines) + "\n"

    def _versions(self) -> dict[str, str]:
        deployments, _ = self.cluster.list(DEPLOYMENT, self.namespace)
        return {
            each["metadata"]["name"]: each["metadata"]["labels"]["headrace.dev/version"]
            for each in deployments
            if "headrace.dev/version" in each["metadata"].get("labels", {})
        }

    def _nodes(self) -> None:
        slow = {f"v{v}": 0 for v, behaviour in self.behaviours.items() if not behaviour.ready}
        Nodes(self.cluster, self.namespace).run(**slow)

    def _serve(self, seconds: float) -> None:
        routes, _ = self.cluster.list(HTTP_ROUTE, self.namespace)
        deployments, _ = self.cluster.list(DEPLOYMENT, self.namespace)
        up = {
            each["metadata"]["name"]
            for each in deployments
            if each.get("status", {}).get("availableReplicas", 0)
        }
        versions = self._versions()
        with self._lock:
            for route in routes:
                self._due += seconds * self.rate
                count, self._due = int(self._due), self._due % 1
                self._split(route, versions, up, count)

    def _split(
        self, route: dict[str, Any], versions: dict[str, str], up: set[str], count: int
    ) -> None:
        metadata, (place, rule) = route["metadata"], opened(route)
        prefix = f"httproute/{metadata['namespace']}/{metadata['name']}/rule"
        for closed, each in enumerate(route["spec"]["rules"]):
            for index in range(len(each["backendRefs"])):
                self._show(f"{prefix}/{closed}/backend/{index}")
        prefix = f"{prefix}/{place}"
        backends = rule["backendRefs"]
        chosen = self._random.choices(
            range(len(backends)), [backend.get("weight", 1) for backend in backends], k=count
        )
        for index in chosen:
            name = backends[index]["name"]
            if name not in up:
                self.unserved += 1
                continue
            code = self._answer(f"{prefix}/backend/{index}", versions[name])
            self.answers[versions[name], code] += 1
        for index, mirror in enumerate(rule.get("filters", ())):
            copied = mirror["requestMirror"]
            name = copied["backendRef"]["name"]
            self._show(f"{prefix}-mirror-{index}")
            for _ in range(round(count * copied.get("percent", 100) / 100) if name in up else 0):
                self._answer(f"{prefix}-mirror-{index}", versions[name])
                self.copies[versions[name]] += 1

    def _show(self, cluster: str) -> None:
        """Have counters at zero from the moment on at which Envoy knows a cluster."""
        for code in "25":
            self._counters["envoy_cluster_upstream_rq_xx", cluster, code] += 0
        for bound in (*map(str, BOUNDS), "+Inf"):
            self._counters["envoy_cluster_upstream_rq_time_bucket", cluster, bound] += 0

    def _answer(self, cluster: str, version: str) -> str:
        behaviour = self.behave(version)
        code = "5" if self._random.random() < behaviour.errors else "2"
        self._counters["envoy_cluster_upstream_rq_xx", cluster, code] += 1
        took = self._random.expovariate(1 / behaviour.milliseconds)
        for bound in BOUNDS:
            if took <= bound:
                self._counters["envoy_cluster_upstream_rq_time_bucket", cluster, str(bound)] += 1
        self._counters["envoy_cluster_upstream_rq_time_bucket", cluster, "+Inf"] += 1
        return code


def opened(route: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Give the rule of a route that takes live requests, and its place."""
    rules = enumerate(route["spec"]["rules"])
    return next((place, rule) for place, rule in rules if is_open(rule))


@contextmanager
def played(cluster: Cluster, namespace: str, folder: Path) -> Iterator[Play]:
    """Play a cluster's rest, with a Prometheus that scrapes it."""
    with ExitStack() as running:
        play = Play(cluster, namespace)
        exporter = running.enter_context(_served(play.page))
        play.prometheus = running.enter_context(_prometheus(folder, exporter))
        thread = threading.Thread(target=play.run, name="play", daemon=True)
        thread.start()
        running.callback(thread.join, 10)
        running.callback(play.stop)
        yield play
        assert not play.faults


@contextmanager
def _served(page: Callable[[], str]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _prometheus(folder: Path, target: int) -> Iterator[str]:
    binary = find_prometheus(lambda _: None)
    with ExitStack() as held:
        ports = Ports()
        held.callback(ports.close)
        port = ports.reserve()
        monitoring = Monitoring(folder / "prometheus", port, SCRAPE)
        monitoring.prepare()
        monitoring.scrape({"servers": [target]})
        command = monitoring.command(binary, folder / "prometheus.log")
        ports.hand_over([port])
        log = held.enter_context((folder / "prometheus.log").open("wb"))
        held.callback(Guarded(command.arguments, log).stop)
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _is_up(url):
            assert time.monotonic() < until, (folder / "prometheus.log").read_text()
            time.sleep(0.1)
        yield url


def _is_up(url: str) -> bool:
    try:
        answer = requests.get(f"{url}/api/v1/query", {"query": "up == 1"}, timeout=2)
        return bool(json.loads(answer.text)["data"]["result"])
    except (requests.RequestException, ValueError, KeyError):
        return False
