"""Istio and its users, played: requests split by weight, and counted as Istio counts them."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bench.controller.rollouts import NAMESPACE
from headrace.errors import HeadraceError
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import VIRTUAL_SERVICE

SCRAPE = 15.0
PHASE = 9.0
"""Seconds after a multiple of the interval at which Prometheus scrapes."""

RATE = 40.0
"""Requests a second of each rollout."""

KEPT = 8
"""Samples of a series."""

BOUNDS = ("5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf")
SHARES = (0.05, 0.15, 0.4, 0.65, 0.85, 0.95, 0.985, 0.995, 0.999, 1.0, 1.0, 1.0)

REQUESTS = "istio_requests_total"
BUCKETS = "istio_request_duration_milliseconds_bucket"


@dataclass(slots=True)
class Series:
    """One counter, already in the words of Prometheus: only so can this process keep up."""

    head: str
    samples: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def text(self, first: float, last: float) -> str:
        """Give the samples of a window; empty if there are none."""
        found = ",".join([text for at, text in self.samples if first <= at <= last])
        return f"{self.head}{found}]}}" if found else ""


class Counted:
    """One version of one rollout, as Istio counts it."""

    def __init__(self, service: str) -> None:
        self._good = self._bad = 0
        self.requests = [
            _series(REQUESTS, service, f'"response_code":"{code}"') for code in ("200", "500")
        ]
        self.buckets = [_series(BUCKETS, service, f'"le":"{bound}"') for bound in BOUNDS]

    def count(self, at: float, requests: int, share: float) -> None:
        """Count some requests, of which a share fails, and have them scraped."""
        bad = round(requests * share)
        self._bad += bad
        self._good += requests - bad
        for series, value in zip(self.requests, (self._good, self._bad), strict=True):
            series.samples.append((at, f'[{at},"{value}"]'))
        total = self._good + self._bad
        for series, below in zip(self.buckets, SHARES, strict=True):
            series.samples.append((at, f'[{at},"{total * below:.0f}"]'))


def _series(name: str, service: str, label: str) -> Series:
    labels = (
        f'"__name__":"{name}","destination_service_name":"{service}","reporter":"source",'
        f'"destination_service_namespace":"{NAMESPACE}","instance":"gateway:15020","job":"istio",'
    )
    return Series(f'{{"metric":{{{labels}{label}}},"values":[')


class Traffic:
    """What users do, and what has been seen of it.

    Attributes:
        weights: By route and service, as they are now.
        changes: By route, when its weights changed, Unix seconds.
        errors: The share of candidates' answers that are errors.
        bad_since: The first scrape that shows more than a tenth of errors; 0 before.
        shown: When that was read, Unix seconds; 0 before.
        zero: By route, when its candidate had no users any more after that.
        raised: Routes whose candidate's weight went up after that.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.weights: dict[str, dict[str, int]] = {}
        self.changes: dict[str, list[float]] = {}
        self.errors = 0.01
        self.bad_since = 0.0
        self.shown = 0.0
        self.zero: dict[str, float] = {}
        self.raised: set[str] = set()
        self._counted: dict[str, Counted] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin."""
        for job in (self._follow, self._scrape):
            threading.Thread(target=job, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def tested(self) -> int:
        """Count the rollouts whose candidate has users."""
        with self._lock:
            routes = list(self.weights.values())
        return sum(len(weights) > 1 and list(weights.values())[1] > 0 for weights in routes)

    def answer(self, query: str, now: float) -> bytes:
        """Answer a range selector as Prometheus does."""
        selector, seconds = query.rsplit("[", 1)
        first = now - float(seconds.rstrip("s]"))
        of_requests = selector.startswith(REQUESTS)
        with self._lock:
            texts = [
                series.text(first, now)
                for one in self._counted.values()
                for series in (one.requests if of_requests else one.buckets)
            ]
            if self.bad_since and now >= self.bad_since and not self.shown:
                self.shown = time.time()
        joined = ",".join(filter(None, texts))
        return (
            f'{{"status":"success","data":{{"resultType":"matrix","result":[{joined}]}}}}'
        ).encode()

    def _follow(self) -> None:
        found, since = self._cluster.list(VIRTUAL_SERVICE, NAMESPACE)
        for one in found:
            self._routed(one)
        with suppress(HeadraceError):
            # Until the API server ends.
            while not self._stop.is_set():
                watch = self._cluster.watch(VIRTUAL_SERVICE, NAMESPACE, "", since, 7200)
                for kind, one in watch:
                    since = one["metadata"]["resourceVersion"]
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
            if before != weights:
                self.changes.setdefault(name, []).append(now)
        if not self.shown or len(before) < 2:
            return
        candidate = list(before)[1]
        if weights.get(candidate, 0) > before[candidate]:
            self.raised.add(name)
        if weights.get(candidate, 0) == 0:
            self.zero.setdefault(name, now)

    def _scrape(self) -> None:
        while not self._stop.is_set():
            now = time.time()
            at = (int((now - PHASE) / SCRAPE) + 1) * SCRAPE + PHASE
            if self._stop.wait(at - now):
                return
            with self._lock:
                for weights in self.weights.values():
                    for index, (service, weight) in enumerate(weights.items()):
                        one = self._counted.get(service)
                        if one is None:
                            one = self._counted[service] = Counted(service)
                        share = self.errors if index else 0.01
                        one.count(at, round(RATE * SCRAPE * weight / 100), share)
                if self.errors > 0.1 and not self.bad_since:
                    self.bad_since = at
