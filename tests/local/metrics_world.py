"""Pods that count, one or two real Prometheus servers that scrape them, and what became of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from headrace.engine.observations import Counts, Histogram, MetricKey
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Request
from headrace.runtime.local.monitoring import Monitoring
from headrace.runtime.local.ports import Ports
from headrace.runtime.local.prometheus_binary import find_prometheus
from tests.guarded import Guarded

SCRAPE = 0.5
INTERVAL = 1.0
SETTLE = 2.0
"""Seconds: on a busy machine a scrape takes its time."""
DEADLINE = 300.0

Truth = Counter[tuple[str, str]]
"""How many of what: version, and `total`, `bad` or an upper bound."""


class Pod:
    """One process that counts for one version.

    Args:
        port: Where it is scraped.
        page: The series that it adds to when it counts so many answers, of which some are bad.
    """

    def __init__(self, port: int, page: Callable[[int, int], Mapping[str, float]]) -> None:
        self.port, self._page = port, page
        self._lock = threading.Lock()
        command = [sys.executable, "-m", "tests.local.exporter", str(port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.count(0)

    def tell(self, **what: Any) -> float:
        """Tell it something and give the sum of all that it has counted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            return float(self._process.stdout.readline())

    def count(self, total: int, bad: int = 0) -> None:
        """Answer so many requests."""
        self.tell(add=self._page(total, bad))

    def end(self) -> None:
        """End it at once, with all it has counted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(60)
        self._process.stdin.close()
        self._process.stdout.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to be so.

    Raises:
        AssertionError: It is not within a minute.
    """
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s"
        time.sleep(0.05)


@dataclass
class Seen:
    """What a controller has been told, request after request from watermark to watermark.

    Attributes:
        metrics: Of whom it asks.
        request: What it asks at first.
        ahead: Seconds by which its clock is ahead.
        counts: What it was told, added up.
        problems: The reasons that it was given.
    """

    metrics: PrometheusMetrics
    request: Request
    ahead: float = 0.0
    counts: dict[MetricKey, Truth] = field(default_factory=dict)
    problems: Counter[str] = field(default_factory=Counter)

    def look(self) -> None:
        """Ask once, as a tick does."""
        measured = self.metrics.observe([self.request], time.time() + self.ahead)
        got = measured[self.request.rollout]
        self.problems.update(problem.reason for problem in got.problems)
        self.request = replace(self.request, since={**self.request.since, **got.watermarks})
        for interval in got.intervals:
            arms = (self.request.stable, interval.stable), ("2", interval.candidate)
            for version, value in arms:
                found = self.counts.setdefault(interval.metric, Counter())
                if isinstance(value, Counts):
                    found[version, "total"] += round(value.total)
                    found[version, "bad"] += round(value.bad)
                elif isinstance(value, Histogram):
                    for bound, count in zip(value.bounds, value.counts, strict=True):
                        found[version, f"{bound:g}"] += round(count)

    def look_until(self, metric: MetricKey, truth: Truth) -> Truth:
        """Ask until everything is there; what comes too much afterwards is found, too."""
        end = time.monotonic() + DEADLINE
        while +self.counts.get(metric, Counter()) != +truth and time.monotonic() < end:
            self.look()
            time.sleep(0.1)
        for _ in range(5):
            self.look()
            time.sleep(SCRAPE)
        return +self.counts.get(metric, Counter())


@dataclass
class Scraping:
    """A Prometheus of a test."""

    url: str
    monitoring: Monitoring

    def scrape(self, *pods: Pod) -> None:
        """Scrape these pods, and no others."""
        self.monitoring.scrape({"servers": [pod.port for pod in pods]})

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def has_all_of(self, pod: Pod) -> bool:
        """Tell whether what a pod has counted was scraped."""
        query = quote(f'{{instance="127.0.0.1:{pod.port}",__name__=~".+_.+_.+"}}')
        with urlopen(f"{self.url}/api/v1/query?query={query}", timeout=5) as answer:
            series = json.load(answer)["data"]["result"]
        counted = [one for one in series if not one["metric"]["__name__"].startswith("scrape_")]
        return bool(counted) and sum(float(one["value"][1]) for one in counted) == pod.tell()


@contextmanager
def prometheus(folder: Path) -> Iterator[Scraping]:
    """Run a Prometheus."""
    with _ports() as ports:
        port = ports.reserve()
        monitoring = Monitoring(folder, port, SCRAPE)
        monitoring.prepare()
        command = monitoring.command(find_prometheus(lambda _: None), folder / "log")
        ports.hand_over([port])
        with (folder / "log").open("wb") as log:
            process = Guarded(
                command.arguments, log, environ=command.environment, folder=command.directory
            )
        try:
            scraping = Scraping(f"http://127.0.0.1:{port}", monitoring)
            until(scraping.is_ready)
            yield scraping
        finally:
            process.stop()


@contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Give ports that nobody has."""
    with _ports() as ports:
        numbers = [ports.reserve() for _ in range(count)]
        ports.hand_over(numbers)
        yield numbers


@contextmanager
def _ports() -> Iterator[Ports]:
    ports = Ports()
    try:
        yield ports
    finally:
        ports.close()


@contextmanager
def query_layer(urls: Mapping[str, str]) -> Iterator[str]:
    """Answer with the series of several replicas, as Thanos does without deduplication.

    Args:
        urls: By replica.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kind = {"content-type": self.headers["content-type"]}
            result = []
            for replica, url in urls.items():
                asked = HttpRequest(f"{url}{self.path}", body, kind)
                try:
                    with urlopen(asked, timeout=5) as answer:
                        series = json.load(answer)["data"]["result"]
                except OSError:
                    series = []  # this replica is down
                for one in series:
                    one["metric"]["prometheus_replica"] = replica
                    result.append(one)
            text = json.dumps({"status": "success", "data": {"result": result}}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
