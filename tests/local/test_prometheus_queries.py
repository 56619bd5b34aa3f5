"""The queries of all checks against a real Prometheus, which scrapes counters of our own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from headrace.api import Check
from headrace.engine.observations import (
    Categories,
    Counts,
    Halves,
    Histogram,
    Interval,
    Level,
    Metric,
    MetricKey,
    Segments,
    Sums,
    feature_metric,
)
from headrace.metrics.access import Access
from headrace.metrics.answers import Client
from headrace.metrics.clusters import local_counters
from headrace.metrics.prometheus import PrometheusMetrics, PromQLMetrics
from headrace.metrics.record import record
from headrace.metrics.recorded import RecordedServer
from headrace.metrics.recording_file import read_recording, write_recording
from headrace.metrics.source import Measured, Request
from headrace.runtime.local.monitoring import Monitoring
from headrace.runtime.local.ports import Ports
from headrace.runtime.local.prometheus_binary import find_prometheus
from tests.guarded import Guarded

pytestmark = pytest.mark.local

SCRAPE = 0.2
DEADLINE = 300.0
CHECKS: dict[str, dict[str, Any]] = {
    "orders": {
        "kind": "Counts",
        "bad": 'orders_failed_total{shop="e.u"}',
        "total": 'orders_total{shop="e.u"}',
        "above": 0.1,
    },
    "basket": {"kind": "Mean", "sum": "basket_sum", "count": "basket_count", "below": 3.0},
    "pages": {"kind": "Histogram", "buckets": "pages_bucket", "worseThanStable": {}},
    "memory": {
        "kind": "Value",
        "query": 'max(memory_bytes{version="{{ candidate.version }}"})',
        "above": 2e9,
    },
    "several": {"kind": "Value", "query": "memory_bytes", "above": 1},
    "broken": {"kind": "Value", "query": "max(memory_bytes", "above": 1},
    "no-number": {"kind": "Value", "query": "vector(0) / 0", "above": 1},
    "empty": {"kind": "Value", "query": "nobody_counts_this", "above": 1},
    "unlabelled": {"kind": "Counts", "bad": "plain_total", "total": "plain_total", "above": 0.1},
}


def page(step: int) -> str:
    """What a shop and two model servers show after so many steps."""
    lines = ["# TYPE plain_total counter", f"plain_total {step}"]
    for version in ("1.0", "2.0"):
        label = f'version="{version}"'
        shop = f'shop="e.u",{label}'
        model = f'model="m",{label}'
        lines += [
            f"orders_total{{{shop}}} {10 * step}",
            f'orders_total{{shop="exu",{label}}} {99 * step}',
            f"orders_failed_total{{{shop}}} {step}",
            f"basket_sum{{{label}}} {2.5 * step}",
            f"basket_count{{{label}}} {step}",
            f'pages_bucket{{{label},le="10"}} {3 * step}',
            f'pages_bucket{{{label},le="+Inf"}} {4 * step}',
            f"memory_bytes{{{label}}} {float(version) * 1e9}",
            f'headrace_requests_total{{{model},code="200"}} {9 * step}',
            f'headrace_requests_total{{{model},code="500"}} {step}',
            f"headrace_reward_sum{{{model}}} {0.5 * step}",
            f"headrace_reward_count{{{model}}} {2 * step}",
            f'headrace_segment_reward_sum{{{model},segment="at"}} {0.5 * step}',
            f'headrace_segment_reward_count{{{model},segment="at"}} {step}',
            f'headrace_segment_reward_sum{{{model},segment="a \\"b\\""}} 0',
            f'headrace_segment_reward_count{{{model},segment="a \\"b\\""}} {step}',
        ]
        for name in ("prediction", "feature"):
            of = f'{model},feature="age"' if name == "feature" else model
            lines += [
                f'headrace_{name}_bucket{{{of},le="0.5"}} {step}',
                f'headrace_{name}_bucket{{{of},le="+Inf"}} {3 * step}',
                f'headrace_reference_{name}_bucket{{{of},le="0.5"}} 400',
                f'headrace_reference_{name}_bucket{{{of},le="+Inf"}} 1000',
            ]
    return "\n".join(lines) + "\n"


@dataclass
class World:
    """A Prometheus that scrapes two pages whose counters grow at each scrape."""

    url: str
    metrics: PrometheusMetrics
    started: float

    def request(self, *names: str) -> Request:
        made = {
            f"check:{name}": Check.model_validate({"name": name, **CHECKS[name]})
            for name in names or CHECKS
        }
        own: list[MetricKey] = [
            Metric.SERVED,
            Metric.REWARD,
            Metric.SEGMENTS,
            Metric.PREDICTION,
        ]
        wanted = [*own, feature_metric("age"), *made]
        since = dict.fromkeys(wanted, self.started)
        counters = local_counters("models/m", "1.0", ("2.0",))
        return Request("models/m", "m", "1.0", ("2.0",), since, SCRAPE, counters, made)

    def observe(self) -> Measured:
        return self.metrics.observe([self.request()], time.time())["models/m"]

    def until(self, condition: Callable[[Measured], bool]) -> Measured:
        end = time.monotonic() + DEADLINE
        while True:
            measured = self.observe()
            if condition(measured):
                return measured
            if time.monotonic() > end:
                pytest.fail(f"not within {DEADLINE} s: {measured}")
            threading.Event().wait(SCRAPE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    scrapes = iter(range(1, 10**9))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page(next(scrapes)).encode()
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    server, other = servers
    threads = [
        threading.Thread(target=each.serve_forever, kwargs={"poll_interval": 0.02})
        for each in servers
    ]
    for thread in threads:
        thread.start()
    ports = Ports()
    port = ports.reserve()
    monitoring = Monitoring(tmp_path / "prometheus", port, SCRAPE)
    monitoring.prepare()
    monitoring.scrape({"servers": (server.server_port, other.server_port)})
    command = monitoring.command(find_prometheus(lambda _: None), tmp_path / "log")
    ports.hand_over([port])
    with (tmp_path / "log").open("wb") as log:
        process = Guarded(
            command.arguments, log, environ=command.environment, folder=command.directory
        )
    try:
        url = f"http://127.0.0.1:{port}"
        yield World(url, PrometheusMetrics(url), time.time())
    finally:
        process.stop()
        ports.close()
        for each, thread in zip(servers, threads, strict=True):
            each.shutdown()
            thread.join()
            each.server_close()


def summed(measured: Measured, metric: MetricKey) -> list[Interval]:
    return [i for i in measured.intervals if i.metric == metric and i.candidate is not None]


def test_every_query_is_one_that_prometheus_takes(world: World) -> None:
    measured = world.until(lambda m: len(summed(m, "check:orders")) >= 3)

    def last(metric: MetricKey) -> Interval:
        return summed(measured, metric)[-1]

    orders = last("check:orders")
    assert isinstance(orders.candidate, Counts)
    steps = orders.candidate.bad
    assert steps >= 1
    assert orders.stable == orders.candidate == Counts(steps, 10 * steps)
    for interval in summed(measured, "check:basket"):
        assert isinstance(interval.candidate, Sums)
        assert interval.candidate.sum == 2.5 * interval.candidate.count
    pages = last("check:pages").stable
    assert isinstance(pages, Histogram)
    assert pages.bounds == (10.0, float("inf"))
    assert pages.counts[0] == 3 * pages.counts[1] > 0
    reward = last(Metric.REWARD).candidate
    assert isinstance(reward, Sums)
    assert reward.sum == reward.count / 4 > 0
    segments = last(Metric.SEGMENTS).candidate
    assert isinstance(segments, Segments)
    number = segments.sums["at"].count
    assert number > 0
    assert segments.sums == {"at": Sums(number, number / 2), 'a "b"': Sums(number, 0.0)}
    for metric in (Metric.PREDICTION, feature_metric("age")):
        bins = last(metric)
        assert isinstance(bins.candidate, Categories)
        assert bins.candidate.counts[1] == 2 * bins.candidate.counts[0] > 0
        assert bins.reference == Categories(bins.candidate.names, (400.0, 600.0))
    assert last("check:memory").candidate == Level(2e9)
    *_, halves = [i.stable for i in measured.intervals if i.metric == Metric.SERVED]
    assert isinstance(halves, Halves)
    for half in (halves.first, halves.second):
        assert half.total == 10 * half.bad > 0


def test_every_fault_of_a_query_has_its_reason(world: World) -> None:
    measured = world.until(lambda m: len(summed(m, "check:orders")) >= 3)
    assert {problem.metric: problem.reason for problem in measured.problems} == {
        "check:several": "SeveralSeries",
        "check:broken": "QueryFailed",
        "check:no-number": "NotANumber",
        "check:unlabelled": "MissingLabel",
    }
    assert not summed(measured, "check:empty")


def test_a_recording_answers_as_prometheus_does(world: World, tmp_path: Path) -> None:
    world.until(lambda m: len(summed(m, "check:orders")) >= 6)
    now = time.time() - 2 * SCRAPE
    request = world.request("orders", "basket", "pages", "memory", "empty")
    live = PrometheusMetrics(world.url).observe([request], now)["models/m"]
    assert len(summed(live, "check:orders")) >= 3
    recording = record(
        Client(Access(world.url), 5.0, raw=True), request, world.started - 1, now, SCRAPE
    )
    write_recording(tmp_path / "recording.jsonl", recording)
    server = RecordedServer(read_recording(tmp_path / "recording.jsonl"))
    assert PromQLMetrics(server).observe([request], now)["models/m"] == live
    assert server.knows('max(memory_bytes{version="2.0"})')
    assert not server.knows("nobody_counts_this[5s]")
