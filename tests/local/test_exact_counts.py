"""What is counted is what happened: pods of a known truth, scraped by a real Prometheus.

Whatever pods and scrapes do, the increments that a controller gets add up to what the pods have
counted, exactly.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from headrace.api.selectors import Selector
from headrace.engine.counters import SERVER_REQUESTS, Counters, RouterCounters, of_servers
from headrace.engine.observations import Metric
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Request
from tests.local.metrics_world import (
    INTERVAL,
    SCRAPE,
    SETTLE,
    Pod,
    Scraping,
    Seen,
    Truth,
    free_ports,
    prometheus,
    query_layer,
    until,
)

pytestmark = pytest.mark.local

KEY = "models/m"
MANY = 100_000
SERVERS = of_servers(KEY, "m", ("1", "2"), SERVER_REQUESTS)
GATEWAY = Counters(
    selector=Selector("envoy_cluster_upstream_rq_xx", ""),
    labels={},
    arm="envoy_cluster_name",
    versions={"rule/0/backend/0": "1", "rule/0/backend/1": "2"},
    code="envoy_response_code_class",
)


def server(version: str) -> Callable[[int, int], Mapping[str, float]]:
    """Count as a model server of this version does."""

    def page(total: int, bad: int) -> Mapping[str, float]:
        labels = f'model="m",version="{version}",namespace="models"'
        counted = {
            f'headrace_requests_total{{{labels},code="200"}}': total - bad,
            f'headrace_requests_total{{{labels},code="500"}}': bad,
        }
        fast = (total - bad) // 2
        bucket = f"headrace_request_seconds_bucket{{{labels},le="
        return {
            **counted,
            f'{bucket}"0.1"}}': fast,
            f'{bucket}"0.5"}}': total - bad,
            f'{bucket}"+Inf"}}': total - bad,
        }

    return page


def gateway(total: int, bad: int) -> Mapping[str, float]:
    """Count as a proxy does that serves both versions: a third goes to the candidate."""
    name = "envoy_cluster_upstream_rq_xx"
    first, second = (f'envoy_cluster_name="rule/0/backend/{place}"' for place in (0, 1))
    third = total // 3
    return {
        f'{name}{{{first},envoy_response_code_class="2"}}': total - third,
        f'{name}{{{second},envoy_response_code_class="2"}}': third - bad,
        # The first error makes the series.
        **({f'{name}{{{second},envoy_response_code_class="5"}}': bad} if bad else {}),
    }


@dataclass
class Pods:
    """The pods of a test; while it goes on, all that are not frozen count.

    Attributes:
        truth: What they have counted.
        buckets: The same by bucket, of model servers.
        running: By the name that the test gives.
    """

    scraping: list[Scraping]
    ports: Iterator[int]
    truth: Truth = field(default_factory=Counter)
    buckets: Truth = field(default_factory=Counter)
    running: dict[str, Pod] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, version: str, *, port: int | None = None) -> Pod:
        """Start a pod; `version` is that of a model server, or `gateway`."""
        page = gateway if version == "gateway" else server(version)
        pod = Pod(next(self.ports) if port is None else port, page)
        with self.lock:
            self.running[name] = pod
            self.frozen.discard(name)
        self._scrape()
        return pod

    def count_many(self, name: str) -> None:
        """Let a pod answer more than it can soon again: then it is seen when it has restarted."""
        with self.lock:
            self.running[name].count(MANY)
            self._note(name, MANY, 0)

    def freeze(self, name: str) -> Pod:
        """Let a pod count no more, and wait until all that it counted was scraped."""
        with self.lock:
            self.frozen.add(name)
        self.scraped(name)
        return self.running[name]

    def scraped(self, *names: str) -> None:
        """Wait until all that pods have counted was scraped, by everybody."""
        pods = [self.running[name] for name in names or self.running]
        until(lambda: all(each.has_all_of(pod) for each in self.scraping for pod in pods))

    def remove(self, name: str, *, scraped: bool = False) -> int:
        """End a pod; its port."""
        with self.lock:
            pod = self.running.pop(name)
        if not scraped:
            self._scrape()
        pod.end()
        return pod.port

    def count(self, chance: random.Random) -> None:
        """Let every pod answer a few requests."""
        with self.lock:
            for name, pod in self.running.items():
                if name in self.frozen:
                    continue
                total = chance.randrange(3, 30)
                bad = chance.randrange(2) if chance.random() < 0.2 else 0
                pod.count(total, bad)
                self._note(name, total, bad)

    def _note(self, name: str, total: int, bad: int) -> None:
        if name.startswith("gateway"):
            third = total // 3
            parts = {"1": (total - third, 0), "2": (third, bad)}
        else:
            parts = {name[0]: (total, bad)}
            fast = (total - bad) // 2
            self.buckets[name[0], "0.1"] += fast
            self.buckets[name[0], "0.5"] += total - bad - fast
        for version, (all_, failed) in parts.items():
            self.truth[version, "total"] += all_
            self.truth[version, "bad"] += failed

    def _scrape(self) -> None:
        for each in self.scraping:
            each.scrape(*self.running.values())

    def end(self) -> None:
        """End everybody."""
        for pod in self.running.values():
            pod.end()

    def settle(self) -> None:
        """Freeze everybody."""
        for name in list(self.running):
            self.freeze(name)


@contextmanager
def traffic(pods: Pods, seen: Seen) -> Iterator[None]:
    """Let the pods count and a controller look at them meanwhile."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        chance = random.Random(7)
        try:
            while not stop.wait(0.05):
                pods.count(chance)
                if chance.random() < 0.3:
                    seen.look()
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures


def asking(counters: Counters, *metrics: Metric) -> Request:
    router = RouterCounters(counters, counters, counters)
    since = {str(metric): time.time() - 1.0 for metric in metrics or (Metric.REQUESTS,)}
    return Request(KEY, "m", "1", ("2",), since, INTERVAL, router)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as exit_stack:
        yield exit_stack


@pytest.fixture
def pods(stack: ExitStack, tmp_path: Path) -> Pods:
    scraping = stack.enter_context(prometheus(tmp_path / "prometheus"))
    return _pods(stack, [scraping])


def _pods(stack: ExitStack, scraping: list[Scraping]) -> Pods:
    ports = iter(stack.enter_context(free_ports(8)))
    found = Pods(scraping, ports)
    stack.callback(found.end)
    return found


def watch(pods: Pods, counters: Counters, *metrics: Metric, ahead: float = 0.0) -> Seen:
    """Begin to look once everybody has been scraped."""
    pods.scraped()
    metrics_of = PrometheusMetrics(pods.scraping[0].url, settle=SETTLE)
    return Seen(metrics_of, asking(counters, *metrics), ahead)


def test_pods_that_come_and_go_and_restart_lose_nothing(pods: Pods) -> None:
    pods.start("1a", "1")
    pods.start("1b", "1")
    pods.start("2a", "2")
    seen = watch(pods, SERVERS, Metric.REQUESTS, Metric.SERVER_LATENCY)
    with traffic(pods, seen):
        time.sleep(1.0)
        pods.start("2b", "2")  # comes
        time.sleep(1.0)
        pods.count_many("1b")
        pods.freeze("1b")
        port = pods.remove("1b", scraped=True)
        time.sleep(INTERVAL)
        pods.start("1b", "1", port=port)  # counts from zero again
        time.sleep(1.0)
        pods.freeze("2a")
        pods.remove("2a")  # goes, and leaves a marker of staleness
        time.sleep(1.0)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth
    assert seen.look_until(Metric.SERVER_LATENCY, pods.buckets) == +pods.buckets
    assert not seen.problems


def test_late_and_missing_scrapes_lose_nothing(pods: Pods) -> None:
    pods.start("1a", "1")
    pods.start("2a", "2")
    slow = pods.start("2b", "2")
    seen = watch(pods, SERVERS)
    with traffic(pods, seen):
        time.sleep(0.5)
        slow.tell(slow=0.3)
        time.sleep(1.5)
        slow.tell(slow=0.0)
        # Longer than a target is waited for, and longer than a query looks back.
        slow.tell(fail=True)
        time.sleep(8 * INTERVAL)
        slow.tell(fail=False)
        time.sleep(0.5)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth


def test_several_gateways_that_count_the_same_clusters_are_added_up(pods: Pods) -> None:
    pods.start("gateway-1", "gateway")
    pods.start("gateway-2", "gateway")
    seen = watch(pods, GATEWAY)
    with traffic(pods, seen):
        time.sleep(1.0)
        pods.start("gateway-3", "gateway")
        time.sleep(1.5)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth


@pytest.mark.parametrize("ahead", [-120.0, 120.0], ids=["behind", "ahead"])
def test_a_clock_two_minutes_off_changes_nothing(pods: Pods, ahead: float) -> None:
    pods.start("1a", "1")
    pods.start("2a", "2")
    seen = watch(pods, SERVERS, ahead=ahead)
    with traffic(pods, seen):
        time.sleep(2.0)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth
    assert seen.metrics.time(time.time() + ahead) == pytest.approx(time.time(), abs=2.0)


def test_a_controller_that_begins_anew_sees_the_same(pods: Pods) -> None:
    pods.start("1a", "1")
    pods.start("2a", "2")
    seen = watch(pods, SERVERS)
    began = seen.request
    with traffic(pods, seen):
        time.sleep(2.0)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth
    another = Seen(PrometheusMetrics(pods.scraping[0].url, settle=SETTLE), began)
    another.look()
    assert another.counts == seen.counts


def test_two_replicas_without_deduplication_count_once(stack: ExitStack, tmp_path: Path) -> None:
    both = [stack.enter_context(prometheus(tmp_path / name)) for name in "ab"]
    pods = _pods(stack, both)
    pods.start("1a", "1")
    pods.start("2a", "2")
    urls = {"a": both[0].url, "b": both[1].url}
    layer = stack.enter_context(query_layer(urls))
    pods.scraped()
    # On a busy machine a replica's scrape may be so late that the other one takes its place.
    seen = Seen(PrometheusMetrics(layer, settle=2 * SETTLE), asking(SERVERS))
    with traffic(pods, seen):
        time.sleep(1.0)
        pods.count_many("2a")
        port = pods.freeze("2a").port
        pods.remove("2a", scraped=True)
        pods.start("2a", "2", port=port)
        time.sleep(1.0)
        both[0].scrape()  # the replica that is used sees nothing for a while
        time.sleep(6 * INTERVAL)
        both[0].scrape(*pods.running.values())
        time.sleep(1.0)
        pods.settle()
    assert seen.look_until(Metric.REQUESTS, pods.truth) == +pods.truth


def test_what_a_position_counted_for_another_version_is_not_taken(pods: Pods) -> None:
    """As after a promotion: the same names go on from their old values."""
    pods.start("gateway-1", "gateway")
    seen = watch(pods, GATEWAY)
    with traffic(pods, seen):
        time.sleep(1.5)
        pods.freeze("gateway-1")
        promoted = time.time()
        time.sleep(3 * SCRAPE)
        with pods.lock:
            pods.truth.clear()
            pods.frozen.clear()
        time.sleep(1.5)
        pods.settle()
    since = dict.fromkeys(GATEWAY.versions, promoted)
    moved = replace(GATEWAY, since=since, reused=True)
    after = Seen(seen.metrics, asking(moved))
    after.request = replace(after.request, since={Metric.REQUESTS: promoted - 60.0})
    assert after.look_until(Metric.REQUESTS, pods.truth) == +pods.truth
