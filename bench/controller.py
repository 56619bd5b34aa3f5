"""What the controller costs, and how soon it acts, beside what was measured of its peers.

    python -m bench.controller [--rollouts 50] [--seconds 60] [--no-fault]

A real kube-apiserver and etcd; the controller is a process of its own. Played, in this process:
nodes (Deployments become ready), Istio with its users, and a Prometheus that has scraped them
every 15 s. Every rollout has two checks (errors, latency) at 15 s and climbs from 2 % to 80 % by 2,
a step a tick: four steps a minute. After a minute of that all candidates turn bad at once.

- CPU-ms: of the controller, for one rollout and minute.
- MB: resident memory of the controller at the end of that minute.
- API: requests to the API server for one rollout and minute, watches aside, as it counts them.
- queries: to Prometheus in a minute, for all rollouts together.
- tick: the longest time between two reads of Prometheus, seconds.
- fault: seconds from the read that shows the fault to weight 0: the median and the last rollout.
- raised: rollouts whose weight went up after that read.

The peers' figures are of another run on a machine like this one; they are printed to compare, and
are no part of this measurement. API server, etcd and this process share the machine's cores.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import yaml

from headrace.errors import HeadraceError
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import DEPLOYMENT, MODEL_ROLLOUT, VIRTUAL_SERVICE
from tests.cluster.api_server import api_server
from tests.cluster.programs.crds import crds

ROOT = Path(__file__).parents[1]
NAMESPACE = "bench"
SCRAPE = 15.0
PHASE = 9.0
"""Seconds after a multiple of the interval at which Prometheus scrapes."""

RATE = 40.0
BOUNDS = ("5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf")
SHARES = (0.05, 0.15, 0.4, 0.65, 0.85, 0.95, 0.985, 0.995, 0.999, 1.0, 1.0, 1.0)
CLUSTER_TICKS = (os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE"))
KEPT = 6
PEERS = (
    ("Argo Rollouts 1.8.3, N=50", 323, 124, 29.4, 400, "17 / 20"),
    ("Flagger 1.44.0, N=50", 48, 71, 76.0, 400, "30 / 31"),
    ("Flagger 1.44.0, N=500", 19, 95, 20.4, 1000, "100 / 101"),
)


@dataclass
class Counted:
    """One version of one rollout, as Istio counts it."""

    service: str
    good: float = 0.0
    bad: float = 0.0
    samples: list[tuple[float, float, float]] = field(default_factory=list)


class Played:
    """Nodes, Istio and Prometheus."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.weights: dict[str, dict[str, int]] = {}
        self.counted: dict[str, Counted] = {}
        self.errors = 0.01
        self.bad_since = 0.0
        self.shown = 0.0
        self.queries: list[tuple[float, str]] = []
        self.zero: dict[str, float] = {}
        self.raised: set[str] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def nodes(self) -> None:
        """Have every Deployment ready."""
        while not self._stop.wait(0.5):
            for one in self.cluster.list(DEPLOYMENT, NAMESPACE)[0]:
                wanted, generation = one["spec"]["replicas"], one["metadata"]["generation"]
                if one.get("status", {}).get("observedGeneration") == generation:
                    continue
                one |= {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind}
                counts = dict.fromkeys(("replicas", "updatedReplicas"), wanted)
                counts |= dict.fromkeys(("readyReplicas", "availableReplicas"), wanted)
                one["status"] = {"observedGeneration": generation, **counts}
                try:
                    self.cluster.replace_status(one)
                except HeadraceError:
                    continue

    def watch(self) -> None:
        """Follow the weights as they change."""
        found, since = self.cluster.list(VIRTUAL_SERVICE, NAMESPACE)
        for one in found:
            self._routed(one)
        with suppress(HeadraceError):
            # Until the API server ends.
            for kind, one in self.cluster.watch(VIRTUAL_SERVICE, NAMESPACE, "", since, 3600):
                if kind in ("ADDED", "MODIFIED"):
                    self._routed(one)

    def _routed(self, route: dict[str, Any]) -> None:
        name = route["metadata"]["name"]
        live = next(each for each in route["spec"]["http"] if each.get("name") == "live")
        weights = {
            each["destination"]["host"].partition(".")[0]: each.get("weight", 100)
            for each in live["route"]
        }
        now = time.time()
        with self._lock:
            before, self.weights[name] = self.weights.get(name, {}), weights
        if not self.shown or len(before) < 2:
            return
        candidate = list(before)[1]
        if weights.get(candidate, 0) > before[candidate]:
            self.raised.add(name)
        if weights.get(candidate, 0) == 0:
            self.zero.setdefault(name, now)

    def scrape(self) -> None:
        """Count requests, and keep what a scrape shows of them."""
        while not self._stop.is_set():
            now = time.time()
            at = (int((now - PHASE) / SCRAPE) + 1) * SCRAPE + PHASE
            if self._stop.wait(at - now):
                return
            with self._lock:
                for weights in self.weights.values():
                    for index, (service, weight) in enumerate(weights.items()):
                        one = self.counted.setdefault(service, Counted(service))
                        share = self.errors if index else 0.01
                        count = round(RATE * SCRAPE * weight / 100)
                        one.bad += round(count * share)
                        one.good += count - round(count * share)
                        one.samples = [*one.samples[-KEPT:], (at, one.good, one.bad)]
                if self.errors > 0.1 and not self.bad_since:
                    self.bad_since = at

    def answer(self, query: str, now: float) -> bytes:
        """Answer a range selector."""
        selector, seconds = query.rsplit("[", 1)
        first = now - float(seconds.rstrip("s]"))
        self.queries.append((time.time(), selector.partition("{")[0]))
        is_requests = selector.startswith("istio_requests_total")
        parts = []
        with self._lock:
            for one in self.counted.values():
                samples = [s for s in one.samples if first <= s[0] <= now]
                if samples:
                    parts += _requests(one, samples) if is_requests else _buckets(one, samples)
        if self.bad_since and now >= self.bad_since and not self.shown:
            self.shown = time.time()
        joined = ",".join(parts)
        body = f'{{"status":"success","data":{{"resultType":"matrix","result":[{joined}]}}}}'
        return body.encode()

    def stop(self) -> None:
        """End it."""
        self._stop.set()


def _series(name: str, service: str, label: str, values: str) -> str:
    labels = (
        f'"__name__":"{name}","destination_service_name":"{service}","reporter":"source",'
        f'"destination_service_namespace":"{NAMESPACE}","instance":"gateway:15020","job":"istio",'
    )
    return f'{{"metric":{{{labels}{label}}},"values":[{values}]}}'


def _requests(one: Counted, samples: list[tuple[float, float, float]]) -> list[str]:
    made = []
    for code, column in (("200", 1), ("500", 2)):
        values = ",".join(f'[{s[0]},"{s[column]:.0f}"]' for s in samples)
        label = f'"response_code":"{code}"'
        made.append(_series("istio_requests_total", one.service, label, values))
    return made


def _buckets(one: Counted, samples: list[tuple[float, float, float]]) -> list[str]:
    made = []
    for bound, share in zip(BOUNDS, SHARES, strict=True):
        values = ",".join(f'[{s[0]},"{(s[1] + s[2]) * share:.0f}"]' for s in samples)
        name = "istio_request_duration_milliseconds_bucket"
        made.append(_series(name, one.service, f'"le":"{bound}"', values))
    return made


def rollout(index: int, version: str) -> dict[str, Any]:
    """Give a ModelRollout."""
    ladder = [{"weight": weight, "hold": "1s"} for weight in range(2, 82, 2)]
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"name": f"model-{index:04}", "namespace": NAMESPACE},
        "spec": {
            "model": {
                "name": f"model-{index:04}",
                "version": version,
                "uri": f"s3://models/{index}/{version}",
                "digest": f"sha256:{version * 64}",
            },
            "routing": {"provider": "Istio", "gateway": {"name": "models"}},
            "strategy": {"canary": {"steps": ladder}},
            "analysis": {
                "interval": "15s",
                "checks": [
                    {
                        "name": "errors",
                        "metric": "error-rate",
                        "worseThanStable": {"ratio": 1.5},
                    },
                    {
                        "name": "latency",
                        "metric": "latency",
                        "worseThanStable": {"ratio": 1.2, "quantile": 0.95},
                    },
                ],
            },
        },
    }


def usage(process: int) -> tuple[float, float]:
    """Give processor seconds and resident megabytes."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    resident = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    seconds = (int(fields[11]) + int(fields[12])) / CLUSTER_TICKS[0]
    return seconds, resident * CLUSTER_TICKS[1] / 1e6


def asked(port: int) -> Counter[str]:
    """Give the numbers of requests to the API server so far, watches aside, by their labels."""
    page = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    pattern = re.compile(r"headrace_api_requests_total\{(.*?)\} ([0-9.e+]+)")
    found = {labels: int(float(number)) for labels, number in pattern.findall(page)}
    return Counter({labels: n for labels, n in found.items() if 'verb="watch"' not in labels})


def wait(what: str, check: Any, seconds: float) -> None:
    """Wait for something, and say how long it took."""
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
    print(f"  {what}: {time.monotonic() - began:.0f} s", flush=True)


def measure(count: int, seconds: float, *, fault: bool) -> dict[str, Any]:
    """Run everything and give the figures."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        server = running.enter_context(api_server(folder))
        crd = yaml.safe_load((ROOT / "manifests/crd/modelrollouts.yaml").read_text())
        server.define([crd, *crds()])
        server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        cluster = Cluster.connect(str(server.kubeconfig))
        played = Played(cluster)
        running.callback(played.stop)
        prometheus = _prometheus(played)
        running.callback(prometheus.shutdown)
        for job in (played.nodes, played.watch, played.scrape):
            threading.Thread(target=job, daemon=True).start()
        with (folder / "controller.log").open("wb") as log:
            port = _free_port()
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "headrace.cli.main", "controller", "--alone"),
                    *("--prometheus", f"http://127.0.0.1:{prometheus.server_port}"),
                    *("--kubeconfig", str(server.kubeconfig), "--namespaces", NAMESPACE),
                    *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
                ],
                stderr=log,
            )
        running.callback(process.wait, 30)
        running.callback(process.terminate)
        for index in range(count):
            cluster.apply(rollout(index, "1"))
        wait("first versions live", lambda: _live(cluster) >= count, 600)
        for index in range(count):
            cluster.apply(rollout(index, "2"))
        wait("all candidates have users", lambda: _tested(played) >= count, 600)
        time.sleep(20)
        before, earlier, queries = usage(process.pid), asked(port), len(played.queries)
        began = time.monotonic()
        time.sleep(seconds)
        minutes = (time.monotonic() - began) / 60
        after, calls = usage(process.pid), asked(port) - earlier
        figures: dict[str, Any] = {
            "rollouts": count,
            "cpu_ms": 1000 * (after[0] - before[0]) / count / minutes,
            "mb": after[1],
            "api": calls.total() / count / minutes,
            "queries": (len(played.queries) - queries) / minutes,
            "tick": _longest([at for at, name in played.queries if name.endswith("total")][2:]),
        }
        for labels, number in calls.most_common():
            print(f"    {number / count / minutes:5.2f} {labels}")
        for name, number in Counter(name for _, name in played.queries[queries:]).items():
            print(f"    {number / minutes:5.1f} queries a minute of {name}")
        if fault:
            played.errors = 0.5
            wait("the fault is shown", lambda: played.shown, 60)
            wait("all candidates are without users", lambda: len(played.zero) >= count, 120)
            took = sorted(at - played.shown for at in played.zero.values())
            figures |= {"median": median(took), "last": took[-1], "raised": len(played.raised)}
        said = (folder / "controller.log").read_text()
        if said:
            print(said[-2000:], file=sys.stderr)
        return figures


def _live(cluster: Cluster) -> int:
    found, _ = cluster.list(MODEL_ROLLOUT, NAMESPACE)
    return sum(one.get("status", {}).get("phase") == "Healthy" for one in found)


def _tested(played: Played) -> int:
    routes = list(played.weights.values())
    return sum(len(weights) > 1 and list(weights.values())[1] > 0 for weights in routes)


def _longest(times: list[float]) -> float:
    return max((b - a for a, b in pairwise(times)), default=0.0)


def _free_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port


def _prometheus(played: Played) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            values = parse_qs(form) or parse_qs(urlsplit(self.path).query)
            body = played.answer(values["query"][0], float(values["time"][0]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, nargs="+", default=[50])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--no-fault", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = []
    for count in arguments.rollouts:
        print(f"N = {count}", flush=True)
        found.append(measure(count, arguments.seconds, fault=not arguments.no_fault))
    line = "{:28} {:>8} {:>6} {:>6} {:>8} {:>6} {:>14} {:>7}"
    print(line.format("", "CPU-ms", "MB", "API", "queries", "tick", "fault", "raised"))
    for one in found:
        took = f"{one['median']:.1f} / {one['last']:.1f}" if "median" in one else "-"
        cells = (f"{one['cpu_ms']:.1f}", f"{one['mb']:.0f}", f"{one['api']:.1f}")
        rest = (f"{one['queries']:.0f}", f"{one['tick']:.1f}", took, one.get("raised", "-"))
        print(line.format(f"Headrace, N={one['rollouts']}", *cells, *rest))
    for name, cpu, memory, api, queries, took in PEERS:
        print(line.format(name, cpu, memory, api, queries, "-", took, "-"))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
