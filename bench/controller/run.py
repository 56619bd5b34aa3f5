"""One measurement of one fleet."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import yaml

from bench.controller.machine import taken
from bench.controller.pods import run_pods
from bench.controller.prometheus import Prometheus, prometheus
from bench.controller.replica import Home, Replica
from bench.controller.rollouts import CHECKS, NAMESPACE, ONE_STEP, ladder, rollout
from bench.controller.traffic import Traffic
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT
from tests.cluster.api_server import api_server
from tests.cluster.programs.crds import crds

ROOT = Path(__file__).parents[2]
QUIET = 29.0
"""Seconds with the queries of two ticks and no others, after which nobody reads the hour before a
release any more. Of many at once it is read in parts."""

Figures = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What to measure.

    Attributes:
        rollouts: How many.
        seconds: How long the window is.
        by: Per cent of a step.
        holding: Have them hold at one step.
        minutes: For which the memory is followed; 0 for not.
        kill: Whether to kill controllers.
        fault: Whether candidates turn bad in the end.
    """

    rollouts: int
    seconds: float = 60.0
    by: int = 2
    holding: bool = False
    minutes: float = 0.0
    kill: bool = True
    fault: bool = True


class Run:
    """A cluster with a fleet, and what is done to it."""

    def __init__(self, wanted: Wanted, running: ExitStack) -> None:
        """Start the cluster and one controller."""
        self._wanted, self._running = wanted, running
        self._steps = ONE_STEP if wanted.holding else ladder(wanted.by)
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        server = running.enter_context(api_server(folder))
        crd = yaml.safe_load((ROOT / "manifests/crd/modelrollouts.yaml").read_text("utf-8"))
        server.define([crd, *crds()])
        server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        run_pods(running, server, folder)
        self._cluster = Cluster.connect(str(server.kubeconfig))
        self._traffic = Traffic(self._cluster)
        self._prometheus: Prometheus = running.enter_context(prometheus(self._traffic))
        running.callback(self._traffic.stop)
        self._traffic.start()
        self._home = Home(server, self._prometheus.url, folder)
        self._leader = self._start("one")

    def measure(self) -> Figures:
        """Do all of it and give the figures."""
        count = self._wanted.rollouts
        self._release(1)
        _wait("first versions live", lambda: self._live(1) >= count, 900)
        self._release(2)
        _wait("all candidates have users", lambda: self._traffic.tested() >= count, 1500)
        self._settle()
        figures: Figures = {"rollouts": count} | self._window()
        if self._wanted.minutes:
            figures |= self._grow()
        if self._wanted.kill:
            figures |= self._survive()
        if self._wanted.fault and not self._wanted.holding:
            figures |= self._fail()
        said = self._leader.said()
        if said:
            print(said, file=sys.stderr)
        return figures

    def _start(self, identity: str) -> Replica:
        replica = Replica(self._home, identity)
        self._running.callback(replica.stop)
        return replica

    def _release(self, version: int) -> None:
        for index in range(self._wanted.rollouts):
            self._cluster.apply(rollout(index, version, self._steps))

    def _live(self, version: int) -> int:
        found, _ = self._cluster.list(MODEL_ROLLOUT, NAMESPACE)
        statuses = [one.get("status", {}) for one in found]
        return sum(
            status.get("phase") == "Healthy"
            and status.get("stable", {}).get("version") == str(version)
            for status in statuses
        )

    def _window(self) -> Figures:
        count, leader = self._wanted.rollouts, self._leader
        seconds, calls = leader.seconds(), leader.asked()
        queries, machine, began = len(self._prometheus.asked), taken(), time.time()
        time.sleep(self._wanted.seconds)
        asked = leader.asked() - calls
        ended = time.time()
        minutes = (ended - began) / 60
        _show(asked, count * minutes)
        _show_machine(machine, taken(), minutes)
        reads = self._prometheus.asked[queries:]
        figures: Figures = {
            "cpu_ms": 1000 * (leader.seconds() - seconds) / count / minutes,
            "mb": leader.megabytes(),
            "api": asked.total() / count / minutes,
            "queries": len(reads) / minutes,
            "load": os.getloadavg()[0],
        }
        if ticks := _between(reads):
            figures["tick"] = _percentile(ticks)
        intervals = self._intervals(began, ended)
        if intervals:
            figures["steps"] = len(intervals) / count / minutes
            figures["step"] = _percentile(intervals)
        return figures

    def _intervals(self, began: float, ended: float) -> list[float]:
        """Give the seconds between two steps of a rollout."""
        return [
            after - before
            for times in list(self._traffic.changes.values())
            for before, after in pairwise(times)
            if began <= after <= ended
        ]

    def _grow(self) -> Figures:
        """Follow the memory while what was promoted is released anew."""
        count, version = self._wanted.rollouts, 2
        until = time.monotonic() + 60 * self._wanted.minutes
        seen = [self._leader.megabytes()]
        while time.monotonic() < until:
            time.sleep(60)
            seen.append(self._leader.megabytes())
            print(f"    {len(seen) - 1:3} min  {seen[-1]:.1f} MB  version {version}", flush=True)
            if not self._wanted.holding and self._live(version) >= count:
                version += 1
                self._release(version)
        return {"growth": seen[-1] - seen[0], "memory": seen}

    def _settle(self) -> None:
        time.sleep(QUIET)
        calm = 2 * len(CHECKS)
        _wait("no past is read", lambda: self._prometheus.asked_within(QUIET) <= calm, 900)

    def _survive(self) -> Figures:
        standby = self._start("two")
        _wait("the standby is ready", standby.is_ready, 300)
        by_standby = self._kill("the standby reads numbers")
        self._leader = standby
        self._settle()
        began = time.time()
        self._leader.kill()
        self._leader = self._start("two")
        alone = self._until_read(began, "the same controller reads numbers again")
        _wait("it is ready", self._leader.is_ready, 300)
        self._settle()
        return {"standby": by_standby, "alone": alone}

    def _kill(self, what: str) -> float:
        began = time.time()
        self._leader.kill()
        return self._until_read(began, what)

    def _until_read(self, began: float, what: str) -> float:
        _wait(what, lambda: self._prometheus.first_after(began) is not None, 120, pause=0.05)
        first = self._prometheus.first_after(began)
        assert first is not None
        return first - began

    def _fail(self) -> Figures:
        count, traffic = self._wanted.rollouts, self._traffic
        traffic.errors = 0.5
        _wait("the fault is shown", lambda: traffic.shown, 60)
        _wait("all candidates are without users", lambda: len(traffic.zero) >= count, 300)
        took = sorted(at - traffic.shown for at in traffic.zero.values())
        return {"median": median(took), "last": took[-1], "raised": len(traffic.raised)}


def run(wanted: Wanted) -> Figures:
    """Measure one fleet."""
    with ExitStack() as running:
        return Run(wanted, running).measure()


def _show(asked: Counter[str], rollout_minutes: float) -> None:
    for what, number in asked.most_common():
        print(f"    {number / rollout_minutes:6.2f} {what}")


def _show_machine(before: dict[str, float], after: dict[str, float], minutes: float) -> None:
    took = {name: (seconds - before.get(name, 0.0)) / minutes for name, seconds in after.items()}
    shares = sorted(took.items(), key=lambda each: each[1], reverse=True)
    said = ", ".join(f"{name} {seconds:.1f}" for name, seconds in shares if seconds >= 0.05)
    print(f"    processor seconds a minute: {said}")


def _between(reads: list[tuple[float, str]]) -> list[float]:
    """Give the seconds between two readings of the same counters."""
    times: dict[str, list[float]] = {}
    for at, counters in reads:
        times.setdefault(counters, []).append(at)
    return [after - before for each in times.values() for before, after in pairwise(each)]


def _percentile(seconds: list[float]) -> float:
    """Give the 99th percentile."""
    return quantiles(seconds, n=100)[98] if len(seconds) > 1 else seconds[0]


def _wait(what: str, check: Callable[[], object], seconds: float, pause: float = 0.5) -> None:
    """Wait for something, and say how long it took."""
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)
    print(f"  {what}: {time.monotonic() - began:.1f} s", flush=True)
