"""What it costs to read a whole fleet from Prometheus.

    python bench/metrics.py [--rollouts 1000] [--ticks 5]

A process plays Prometheus: it answers with the counters of Seldon's orchestrator, two arms a
rollout, answers by status and 15 buckets, in the words and the size of a real scrape. Another one
reads them as the controller does, tick after tick.

- ms: processor time of one tick for one rollout: parsing, sorting out, increments. Must be 1.5.
- s: processor time of one tick for all of them. Must be 2.
- queries: of one tick, whatever the number of rollouts. Must be 2: one for each counter.
- MB: memory that reading takes at most, beside the program.

A figure that is missed is marked, and ends the program with 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs

from headrace.api.selectors import Selector
from headrace.engine.counters import Counters, RouterCounters
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Request

NOW = 1_700_000_000.0
SCRAPE = 15.0
SAMPLES = 5
NAME = "seldon_api_executor_server_requests_seconds"
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, "+Inf")
LIMITS = {"ms": 1.5, "s": 2.0, "queries": 2.0}


def labels(rollout: int, version: int, kind: str) -> dict[str, str]:
    """Give what a scrape through a PodMonitor says of a series."""
    pod = f"rollout-{rollout:04}-v{version}-0-model-5b3fa81c09"
    return {
        "__name__": f"{NAME}_{kind}",
        "code": "200",
        "container": "seldon-container-engine",
        "deployment_name": f"rollout-{rollout:04}",
        "endpoint": "metrics",
        "instance": f"10.{version}.{rollout // 250}.{rollout % 250}:8000",
        "job": f"models/rollout-{rollout:04}",
        "method": "post",
        "namespace": "models",
        "pod": pod,
        "predictor_name": f"v{version}-5b3fa81c09",
        "predictor_version": str(version),
        "service": "predictions",
    }


def samples(rate: int) -> list[list[object]]:
    """Give the last samples of a counter, the newest two seconds old."""
    times = (NOW - 2 - SCRAPE * back for back in reversed(range(SAMPLES)))
    return [[time, str(100_000 + rate * place)] for place, time in enumerate(times)]


def answers(rollouts: int) -> dict[str, bytes]:
    """Give the bodies of both answers."""
    arms = [(rollout, version) for rollout in range(rollouts) for version in (6, 7)]
    counts: list[dict[str, object]] = [
        {"metric": {**labels(*arm, "count"), "code": code}, "values": samples(rate)}
        for arm in arms
        for code, rate in (("200", 900), ("500", 9))
    ]
    buckets: list[dict[str, object]] = [
        {"metric": {**labels(*arm, "bucket"), "le": str(bound)}, "values": samples(60 * place)}
        for arm in arms
        for place, bound in enumerate(BOUNDS, 1)
    ]
    return {
        kind: json.dumps({"status": "success", "data": {"result": result}}).encode()
        for kind, result in (("count", counts), ("bucket", buckets))
    }


def serve(rollouts: int, told: Connection) -> None:
    """Play Prometheus until the end of the process."""
    bodies = answers(rollouts)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            kind = "bucket" if f"{NAME}_bucket" in parse_qs(sent)["query"][0] else "count"
            self.send_response(200)
            self.send_header("content-length", str(len(bodies[kind])))
            self.end_headers()
            self.wfile.write(bodies[kind])
            told.send(len(bodies[kind]))

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(NOW, usegmt=True)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


def request(rollout: int) -> Request:
    """Ask for errors and latency since the last scrape but one."""

    def counters(kind: str) -> Counters:
        return Counters(
            selector=Selector(f"{NAME}_{kind}", 'service="predictions"'),
            labels={"deployment_name": f"rollout-{rollout:04}"},
            arm="predictor_name",
            versions={f"v{version}-5b3fa81c09": str(version) for version in (6, 7)},
            optional={"namespace": "models"},
            code="code",
        )

    router = RouterCounters(counters("count"), counters("count"), counters("bucket"))
    since = dict.fromkeys(("requests", "mirrored", "latency"), NOW - 2 - SCRAPE)
    return Request(f"models/rollout-{rollout:04}", "m", "6", ("7",), since, SCRAPE, router)


def peak() -> float:
    """Give the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=5)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(options.rollouts, theirs), daemon=True
    )
    server.start()
    try:
        metrics = PrometheusMetrics(f"http://127.0.0.1:{ours.recv()}", timeout=60.0)
        requests = [request(rollout) for rollout in range(options.rollouts)]
        before, spent, queries, size = peak(), [], 0, 0
        for _ in range(options.ticks):
            began = time.process_time()
            measured = metrics.observe(requests, NOW)
            spent.append(time.process_time() - began)
            intervals = sum(len(each.intervals) for each in measured.values())
            if intervals != 3 * options.rollouts:
                print(f"{intervals} intervals instead of {3 * options.rollouts}", file=sys.stderr)
                return 1
        while ours.poll(0.1):
            queries, size = queries + 1, size + ours.recv()
    finally:
        server.kill()
    cost = sorted(spent)[len(spent) // 2]
    figures = {
        "ms": 1000 * cost / options.rollouts,
        "s": cost,
        "queries": queries / options.ticks,
        "MB": peak() - before,
    }
    missed = [name for name, limit in LIMITS.items() if figures[name] > limit]
    print(f"{options.rollouts} rollouts, answers of {size / options.ticks / 1e6:.1f} MB a tick")
    for name, figure in figures.items():
        mark = f"   MISSED, must be {LIMITS[name]:g}" if name in missed else ""
        print(f"{name:>8} {figure:8.2f}{mark}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
