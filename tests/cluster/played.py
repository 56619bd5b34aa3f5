"""The rest of a cluster around a real API server and a real Prometheus.

Played, by their rules: the kubelets (pods run), the gateway's controller (routes are taken over),
and users with an Envoy Gateway: requests split as the HTTPRoute says it at that moment, counted
under Envoy's names for positions in the route. Where there are SeldonDeployments, a double of the
Seldon operator splits and counts as that does. The counts are kept, as the truth to compare with.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
from tests.cluster.arms import CODES, Arm, Counted, envoy, seldon
from tests.cluster.doubles import GatewayController, Nodes
from tests.cluster.seldon_operator import SeldonOperator
from tests.guarded import Guarded

SCRAPE = 0.5
"""Seconds between two scrapes."""


@dataclass
class Behaviour:
    """How one version answers.

    Attributes:
        errors: Share of its answers that are 5xx, evenly.
        milliseconds: Mean of its times, exponentially distributed.
        pods: How many of its pods are ready at the most.
    """

    errors: float = 0.01
    milliseconds: float = 20.0
    pods: int = 1000


@dataclass
class Play:
    """Everything around the controller.

    Attributes:
        cluster: As an administrator.
        namespace: Of the rollouts.
        rate: Requests a second, of each route.
        pace: Seconds between two moves of the play; many routes make each of them long.
        behaviours: By version; others behave well.
        answers: By version and class: what users got.
        copies: By version: what was copied to it.
        unserved: Requests that nobody answered.
        prometheus: Its address.
    """

    cluster: Cluster
    namespace: str
    rate: float = 400.0
    pace: float = 0.05
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
        self._owed: dict[str, float] = defaultdict(float)
        self.operator = SeldonOperator(self.cluster, self.namespace)
        self.faults: list[BaseException] = []

    def behave(self, version: str) -> Behaviour:
        """Give a version's behaviour, to be changed."""
        return self.behaviours.setdefault(version, Behaviour())

    def weights(self, name: str) -> dict[str, int]:
        """Give the live weights by version, as the route of this name has them now."""
        routes, deployments = self._look()
        versions = _versions(deployments)
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
        while not self._stop.wait(self.pace):
            now = time.monotonic()
            try:
                self._nodes()
                self.operator.reconcile()
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

    def reset(self) -> None:
        """Have all counters begin anew, as restarted proxies do."""
        with self._lock:
            self._counters.clear()

    def stop(self) -> None:
        """End the play."""
        self._stop.set()

    def page(self) -> str:
        """Write the counters as Envoy does."""
        with self._lock:
            counters = dict(self._counters)
        lines = []
        for (name, labels, label), value in sorted(counters.items()):
            key = "le" if name.endswith("bucket") else CODES[name]
            lines.append(f'{name}{{{labels},{key}="{label}"}} {value}')
        return "\n".join(lines) + "\n"

    def _nodes(self) -> None:
        # A copy: a test may change how a version behaves at any time.
        behaviours = dict(self.behaviours)
        most = {f"v{version}": each.pods for version, each in behaviours.items()}
        Nodes(self.cluster, self.namespace).run(**most)

    def _look(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Give the routes, and the Deployments as they were while those were in force.

        Without that, a machine that stands still in between would have users who were never lost.
        """
        routes, _ = self.cluster.list(HTTP_ROUTE, self.namespace)
        while True:
            deployments, _ = self.cluster.list(DEPLOYMENT, self.namespace)
            before, (routes, _) = routes, self.cluster.list(HTTP_ROUTE, self.namespace)
            if [each["spec"] for each in before] == [each["spec"] for each in routes]:
                return routes, deployments

    def _serve(self, seconds: float) -> None:
        routes, deployments = self._look()
        up = {
            each["metadata"]["name"]
            for each in deployments
            if each.get("status", {}).get("availableReplicas", 0)
        }
        versions = _versions(deployments)
        with self._lock:
            for route in routes:
                self._due += seconds * self.rate
                count, self._due = int(self._due), self._due % 1
                self._split(*self._arms(route, versions), up, count)
            for predictors in self.operator.routes.values():
                self._due += seconds * self.rate
                count, self._due = int(self._due), self._due % 1
                up |= {name.removesuffix("-0-model") for name in up}
                self._split(*seldon(predictors), up, count)

    def _arms(self, route: dict[str, Any], versions: dict[str, str]) -> tuple[list[Arm], list[Arm]]:
        """Give who answers, and who gets copies, as an HTTPRoute has it."""
        metadata, (place, rule) = route["metadata"], opened(route)
        prefix = f"httproute/{metadata['namespace']}/{metadata['name']}/rule"
        for closed, each in enumerate(route["spec"]["rules"]):
            for index in range(len(each["backendRefs"])):
                self._show(envoy(f"{prefix}/{closed}/backend/{index}"))
        live = [
            Arm(
                each["name"],
                versions.get(each["name"], "?"),
                each.get("weight", 1),
                envoy(f"{prefix}/{place}/backend/{index}"),
            )
            for index, each in enumerate(rule["backendRefs"])
        ]
        mirrors = (each["requestMirror"] for each in rule.get("filters", ()))
        copies = [
            Arm(
                each["backendRef"]["name"],
                versions.get(each["backendRef"]["name"], "?"),
                each.get("percent", 100),
                envoy(f"{prefix}/{place}-mirror-{index}"),
            )
            for index, each in enumerate(mirrors)
        ]
        return live, copies

    def _split(self, live: list[Arm], copies: list[Arm], up: set[str], count: int) -> None:
        for arm in (*live, *copies):
            self._show(arm.counted)
        if not any(arm.weight for arm in live):
            return
        for arm in self._random.choices(live, [arm.weight for arm in live], k=count):
            if arm.service not in up:
                self.unserved += 1
                continue
            self.answers[arm.version, self._answer(arm)] += 1
        for arm in copies:
            for _ in range(round(count * arm.weight / 100) if arm.service in up else 0):
                self._answer(arm)
                self.copies[arm.version] += 1

    def _show(self, counted: Counted) -> None:
        """Have counters at zero from the moment on at which a router knows an arm."""
        for code in counted.codes:
            self._counters[counted.answers, counted.labels, code] += 0
        for bound in (*map(str, counted.bounds), "+Inf"):
            self._counters[counted.times, counted.labels, bound] += 0

    def _answer(self, arm: Arm) -> str:
        behaviour, counted = self.behave(arm.version), arm.counted
        # Every hundredth, and not one in a hundred by chance: of the many rollouts that are played
        # some would be rolled back by chance, as the risk that they state allows.
        self._owed[arm.service] += behaviour.errors
        failed = self._owed[arm.service] >= 1
        self._owed[arm.service] -= failed
        self._counters[counted.answers, counted.labels, counted.codes[failed]] += 1
        took = self._random.expovariate(1 / behaviour.milliseconds) / counted.unit
        for bound in counted.bounds:
            if took <= bound:
                self._counters[counted.times, counted.labels, str(bound)] += 1
        self._counters[counted.times, counted.labels, "+Inf"] += 1
        return "5" if failed else "2"


def opened(route: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Give the rule of a route that takes live requests, and its place."""
    rules = enumerate(route["spec"]["rules"])
    return next((place, rule) for place, rule in rules if is_open(rule))


def _versions(deployments: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Give the version of each Deployment, and so of its Service."""
    return {
        each["metadata"]["name"]: each["metadata"]["labels"]["headrace.dev/version"]
        for each in deployments
        if "headrace.dev/version" in each["metadata"].get("labels", {})
    }


@contextmanager
def played(cluster: Cluster, namespace: str, folder: Path) -> Iterator[Play]:
    """Play a cluster's rest, with a Prometheus that scrapes it."""
    with ExitStack() as running:
        play = Play(cluster, namespace)
        exporter = running.enter_context(_served(play.page))
        play.prometheus = running.enter_context(_prometheus(folder, exporter))
        thread = threading.Thread(target=play.run, name="play", daemon=True)
        thread.start()
        running.callback(thread.join, 60)
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
            # Nobody waits for ever on a loaded machine.
            with suppress(OSError):
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
        until = time.monotonic() + 300
        while not _is_up(url):
            assert time.monotonic() < until, (folder / "prometheus.log").read_text()
            time.sleep(0.1)
        yield url


def _is_up(url: str) -> bool:
    try:
        answer = requests.get(f"{url}/api/v1/query", {"query": "up == 1"}, timeout=30)
        return bool(json.loads(answer.text)["data"]["result"])
    except (requests.RequestException, ValueError, KeyError):
        return False
