"""Rollouts, plans and platforms for the tests with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from headrace.api import ModelRollout, ModelSpec, Traffic, parse_rollout
from headrace.engine.observations import World
from headrace.engine.plan import Plan
from headrace.protocol import PREDICTIONS, VERSION_HEADER
from headrace.runtime.local.loopback import get_json
from headrace.runtime.local.platform import LocalPlatform
from headrace.runtime.local.supervisor import ProcessStatus, State
from headrace.serving.bundle import Column, Output, Reference, Signature, write_bundle
from headrace.serving.reference import Histogram
from tests.local import local_server


def standin_arguments(_: ModelSpec) -> tuple[str, ...]:
    return (sys.executable, local_server.__file__)


def package(folder: Path, version: str, model: bytes = b"no model", **told: str) -> ModelSpec:
    """Write a bundle, by default one that only the stand-in can serve, and give its version."""
    path = folder / f"bundle-{version}"
    numbers = Histogram((0.0, 1.0), (1, 2, 3), 0)
    digest = write_bundle(
        path,
        Signature(
            "flight-delay",
            version,
            "onnx",
            "model.onnx",
            (Column("distance", "number"),),
            Output("late", "probability", 0.5),
            told,
        ),
        model,
        Reference({"distance": numbers}, numbers),
        [{"distance": 1.0}],
        "a card",
    )
    return ModelSpec(name="flight-delay", version=version, uri=path.as_uri(), digest=digest)


def rollout(model: ModelSpec, replicas: int = 1) -> ModelRollout:
    return parse_rollout(f"""
metadata: {{name: flight-delay, namespace: models}}
spec:
  model: {model.model_dump_json()}
  serving: {{replicas: {replicas}}}
  strategy: {{canary: {{steps: [{{weight: 50, hold: 60s}}]}}}}
  analysis: {{interval: 15s, checks: [{{name: errors, metric: error-rate, above: 0.5}}]}}
""")


def plan(
    stable: ModelSpec | None, candidate: ModelSpec | None = None, weight: int = 0, mirror: int = 0
) -> Plan:
    return Plan(stable, candidate, Traffic(stable=100 - weight, candidate=weight, mirror=mirror))


def await_true(question: Callable[[], Any], what: str, seconds: float = 20.0) -> float:
    """Ask until the answer is yes, and give the seconds that it took."""
    start = time.monotonic()
    while not question():
        passed = time.monotonic() - start
        assert passed < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - start


@dataclass
class Run:
    """A platform with one rollout."""

    platform: LocalPlatform
    rollout: ModelRollout
    folder: Path
    models: dict[str, ModelSpec] = field(default_factory=dict)

    def observe(self) -> World:
        return self.platform.observe(self.rollout)

    def go(
        self,
        stable: ModelSpec,
        candidate: ModelSpec | None = None,
        weight: int = 0,
        mirror: int = 0,
    ) -> float:
        """Apply a plan and wait until Envoy carries it; give the seconds that it took."""
        wanted = plan(stable, candidate, weight, mirror)
        self.platform.apply(self.rollout, wanted)
        return await_true(lambda: self._has(wanted), f"{wanted}", 30.0)

    def _has(self, wanted: Plan) -> bool:
        world = self.observe()
        states = [world.versions.get(model.version) for model in wanted.versions]
        ready = all(state is not None and state.ready == state.wanted > 0 for state in states)
        return ready and world.traffic == wanted.traffic

    def process(self, name: str) -> ProcessStatus:
        return next(process for process in self.platform.processes() if process.name == name)

    def kill(self, name: str) -> None:
        """Kill a process and wait until another one runs in its place."""
        before = self.process(name)
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)

        def replaced() -> bool:
            now = self.process(name)
            return now.state is State.RUNNING and now.pid not in (None, before.pid)

        await_true(replaced, f"{name} runs again")
        assert self.process(name).restarts == before.restarts + 1

    def break_version(self, version: str) -> None:
        """Have a version's servers die and never come back."""
        with self.platform._lock:
            servers = self.platform._fleet._versions[version]
            servers.arguments = lambda _: (sys.executable, "-c", "raise SystemExit(1)")

    def seen(self, version: str, replica: int = 0) -> Sequence[tuple[str, str]]:
        """Give path and request id of what a stand-in was asked."""
        fleet = self.platform._fleet
        port = fleet._versions[version].replicas[replica].metrics
        return [tuple(entry) for entry in get_json(port, "/seen")]


@dataclass
class Users:
    """Sends predictions at a steady rate until it is told to end, and keeps every answer."""

    url: str
    rate: float = 50.0
    body: Any = None
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    """Status, version and what went wrong."""

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.post(self.url + PREDICTIONS, json=self.body or {}) as answer:
                await answer.read()
                version = answer.headers.get(VERSION_HEADER, "")
                self.answers.append((answer.status, version, ""))
        except (aiohttp.ClientError, TimeoutError) as error:
            self.answers.append((0, "", repr(error)))

    async def _send(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(15)) as session:
            tasks = []
            loop = asyncio.get_running_loop()
            start = loop.time()
            while not self._enough.is_set():
                tasks.append(asyncio.create_task(self._ask(session)))
                await asyncio.sleep(max(0.0, start + len(tasks) / self.rate - loop.time()))
            await asyncio.gather(*tasks)

    def __enter__(self) -> Self:
        self._enough = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    @property
    def failed(self) -> list[tuple[int, str, str]]:
        return [answer for answer in self.answers if answer[0] != 200]


def post(url: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Send JSON, by default an empty object; give status, headers and the answer."""
    request = urllib.request.Request(
        url + path,
        json.dumps(body or {}).encode(),
        {
            "content-type": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        },
    )
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        found = {name.lower(): value for name, value in answer.headers.items()}
        is_json = found.get("content-type") == "application/json"
        return answer.status, found, json.load(answer) if is_json else answer.read()
