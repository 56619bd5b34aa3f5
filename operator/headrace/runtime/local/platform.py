"""The local platform: makes the processes of one machine look like a plan."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.api import ModelRollout, Traffic
from headrace.engine.adoption import serving_in
from headrace.engine.observations import World
from headrace.engine.plan import Plan
from headrace.errors import Conflict, HeadraceError, PlatformUnavailable
from headrace.runtime.local.bundles import BundleCache
from headrace.runtime.local.claim import Claim
from headrace.runtime.local.envoy.admin import RouterView
from headrace.runtime.local.envoy.binary import find_envoy
from headrace.runtime.local.envoy.routes import Routes
from headrace.runtime.local.fleet import Fleet
from headrace.runtime.local.guardian import Guardian
from headrace.runtime.local.monitoring import Monitoring
from headrace.runtime.local.ports import LOOPBACK, Ports
from headrace.runtime.local.prometheus_binary import find_prometheus
from headrace.runtime.local.router import Router
from headrace.runtime.local.servers import ServerArguments, seldon_arguments
from headrace.runtime.local.serving_environment import find_serving_environment
from headrace.runtime.local.supervisor import ProcessStatus, State, Supervisor

logger = logging.getLogger(__name__)

POLL = 0.1
"""Seconds between two looks at the processes, and between two steps of a switch."""

IDLE_VIEW = 1.0
"""Seconds between two looks at an Envoy that has nothing left to do."""

START = 30.0
"""Seconds within which Envoy and Prometheus must be ready."""

STOP = 15.0
"""Seconds within which all must have ended."""


class LocalPlatform:
    """Runs one rollout with processes of this machine, all on the loopback interface.

    `apply` says what should be. A thread makes it so, a step every `POLL` seconds, and `observe`
    looks. Nothing outlives the platform, not even when its process is killed.

    Args:
        directory: Where everything of the run is: logs, configuration, Prometheus' storage.
        clock: Seconds that only grow.
        scrape_interval: Seconds between two scrapes, at least 0.1.
        port: Where users send requests; 0 takes a free one.
        server_arguments: Gives the command line of a model's server; by default that of
            seldon-core in the serving environment.
        say: Is told what takes long, such as a download.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        scrape_interval: float = 1.0,
        port: int = 0,
        server_arguments: ServerArguments | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._directory = directory.absolute()
        self._logs = self._directory / "logs"
        self._clock = clock
        self._scrape_interval = scrape_interval
        self._wished_port = port
        self._server_arguments = server_arguments
        self._say = say
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._endings = contextlib.ExitStack()
        self._ports = Ports()
        self._guardian = Guardian(self._logs / "guard.log")
        self._supervisor = Supervisor(self._guardian, clock)
        self._router: Router
        self._monitoring: Monitoring
        self._fleet: Fleet
        self._rollout = ""
        self._plan: Plan | None = None
        self._replicas = 0
        self._segments: str | None = None
        self._looked = -IDLE_VIEW
        self._problem = ""

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End everything."""
        self.close()

    @property
    def url(self) -> str:
        """Where users send requests.

        Raises:
            PlatformUnavailable: The platform does not run.
        """
        self._require_running()
        return f"http://{LOOPBACK}:{self._router.listener_port}"

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers queries.

        Raises:
            PlatformUnavailable: The platform does not run.
        """
        self._require_running()
        return f"http://{LOOPBACK}:{self._monitoring.port}"

    def start(self) -> None:
        """Start Envoy and Prometheus and wait until they are ready.

        Raises:
            SetupError: Something is missing on this machine; the text has the one command to run.
            Conflict: Another process has the folder or the port.
            PlatformUnavailable: They did not start; the text says why and where the log is.
        """
        try:
            self._start()
        except OSError as error:
            self.close()
            raise PlatformUnavailable(self._explain(error)) from error
        except BaseException:
            self.close()
            raise

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Say what should be; returns at once, with whether it is anything new.

        Raises:
            Conflict: The platform runs another rollout.
            PlatformUnavailable: The platform does not run, or a version that runs would become
                another model of the same name.
        """
        self._require_running()
        with self._lock:
            if self._rollout not in ("", rollout.key):
                raise Conflict(
                    f"This platform runs {self._rollout}: start another one, in a folder of "
                    f"its own, for {rollout.key}."
                )
            if plan.as_it_is:
                return False
            self._fleet.check(plan)
            self._rollout, self._segments = rollout.key, rollout.spec.strategy.segments
            wanted = (plan, rollout.spec.serving.replicas)
            if wanted == (self._plan, self._replicas):
                return False
            self._plan, self._replicas = wanted
            self._router.settled = False
        self._wake.set()
        return True

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        """Say what should be: nobody else moves users here. Raises like `apply`."""
        self.apply(rollout, plan)

    def observe(self, rollout: ModelRollout) -> World:
        """Tell what exists of this rollout now, from the processes and from Envoy itself.

        Raises:
            PlatformUnavailable: The platform does not run.
        """
        self._require_running()
        view, problem = self._look()
        with self._lock:
            plan = self._plan
            if plan is None or self._rollout != rollout.key:
                return World(traffic=Traffic(), problem=problem)
            problems = [problem, self._problem, self._router.problem, *self._fleet.problems()]
            return World(
                versions=self._fleet.states(plan, self._replicas, view),
                traffic=None if view is None else _traffic(plan, view.routes or Routes()),
                problem=" ".join(filter(None, problems)),
                serving=serving_in(rollout.status, plan),
            )

    def processes(self) -> tuple[ProcessStatus, ...]:
        """Tell about every process of the platform."""
        with self._lock:
            pid, restarts = self._guardian.pid, self._guardian.restarts
            state = State.WAITING if pid is None else State.RUNNING
            guard = ProcessStatus("guard", pid, state, restarts, "")
            return (guard, *self._supervisor.status())

    def close(self) -> None:
        """End every process and wait until all are gone. Idempotent."""
        self._closing.set()
        self._wake.set()
        self._endings.close()

    def _start(self) -> None:
        envoy = find_envoy()
        environment = find_serving_environment()
        prometheus = find_prometheus(self._say)
        self._endings.callback(Claim(self._directory).release)
        self._endings.callback(self._ports.close)
        self._logs.mkdir(exist_ok=True)
        # So long that a scrape after the last answer still finds the counters.
        drain = max(1.0, 2 * self._scrape_interval)
        listener = self._ports.reserve(self._wished_port)
        admin, queries = self._ports.reserve(), self._ports.reserve()
        self._router = Router(self._directory / "envoy", listener, admin, drain)
        self._monitoring = Monitoring(
            self._directory / "prometheus", queries, self._scrape_interval
        )
        self._fleet = Fleet(
            self._supervisor,
            self._ports,
            BundleCache(self._directory / "bundles"),
            environment,
            self._server_arguments or seldon_arguments(environment),
            self._logs,
            Path.cwd(),
            drain,
        )
        self._endings.callback(self._fleet.close)
        self._router.prepare()
        self._monitoring.prepare()
        self._monitoring.scrape({"envoy": [admin], **self._fleet.targets()})
        self._guardian.start()
        self._endings.callback(self._guardian.close)
        self._endings.callback(self._end_processes)
        self._ports.hand_over([listener, admin, queries])
        self._supervisor.want(
            "prometheus", self._monitoring.command(prometheus, self._logs / "prometheus.log")
        )
        self._supervisor.want("envoy", self._router.command(envoy, self._logs / "envoy.log"))
        self._await_ready()
        for name, loop in (("steps", self._step_loop), ("probes", self._probe_loop)):
            thread = threading.Thread(target=loop, name=f"headrace {name}", daemon=True)
            thread.start()
            self._threads.append(thread)
            self._endings.callback(thread.join)

    def _end_processes(self) -> None:
        with self._lock:
            self._supervisor.unwant_all()
            deadline = time.monotonic() + STOP
            while not self._supervisor.ended and time.monotonic() < deadline:
                self._supervisor.poll()
                time.sleep(0.02)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START
        while True:
            self._supervisor.poll()
            try:
                self._router.require()
                self._monitoring.require()
            except PlatformUnavailable as error:
                died = [f"{p.name} {p.message}." for p in self._supervisor.status() if p.message]
                if died or time.monotonic() > deadline:
                    said = " ".join(died) or str(error)
                    raise PlatformUnavailable(f"{said} The logs are in {self._logs}.") from error
                self._closing.wait(0.02)
            else:
                return

    def _require_running(self) -> None:
        if self._closing.is_set() or not self._threads:
            raise PlatformUnavailable("The local platform does not run: start it first.")

    def _look(self) -> tuple[RouterView | None, str]:
        try:
            return self._router.view(), ""
        except PlatformUnavailable as error:
            return None, f"Envoy cannot be asked: {error}"

    def _step_loop(self) -> None:
        while not self._closing.is_set():
            try:
                self._step()
            except OSError as error:
                self._problem = self._explain(error)
            except HeadraceError as error:
                self._problem = str(error)
            except Exception as error:
                logger.exception("a step of the local platform failed")
                self._problem = f"Headrace itself has a fault ({error!r}): its log says where."
            else:
                self._problem = ""
            self._wake.wait(POLL)
            self._wake.clear()

    def _step(self) -> None:
        view = None
        now = self._clock()
        if self._plan is not None and not self._is_idle(now):
            view, _ = self._look()
            self._looked = now
        with self._lock:
            self._guardian.poll()
            self._supervisor.poll()
            plan = self._plan
            if plan is None:
                return
            self._fleet.ensure(self._rollout, plan, self._replicas, now, self._segments)
            if view is not None:
                ports = self._fleet.endpoints()
                in_use = self._router.converge(self._rollout, plan, ports, view, now)
                self._fleet.retire(plan, in_use)
            self._monitoring.scrape(self._fleet.targets())

    def _is_idle(self, now: float) -> bool:
        recently = now - self._looked < IDLE_VIEW
        return self._router.settled and recently

    def _probe_loop(self) -> None:
        while not self._closing.wait(POLL):
            with self._lock:
                probes = self._fleet.probes()
            for probe in probes:
                if probe.ask():
                    with self._lock:
                        self._fleet.found_ready(probe)

    def _explain(self, error: OSError) -> str:
        where = error.filename or self._directory
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"The disk is full ({where}): make room on it."
        return f"{where} cannot be used: {error.strerror or error}."


def _traffic(plan: Plan, routes: Routes) -> Traffic:
    weights = {share.version: share.weight for share in routes.shares}
    stable, candidate = (
        0 if model is None else weights.get(model.version, 0)
        for model in (plan.stable, plan.candidate)
    )
    further = {model.version: weights.get(model.version, 0) for model in plan.challengers}
    mirrored = plan.candidate is not None and routes.mirror is not None
    mirror = routes.mirror.percent if mirrored and routes.mirror is not None else 0
    return Traffic(
        stable=stable,
        candidate=candidate,
        mirror=mirror,
        challengers={version: weight for version, weight in further.items() if weight},
    )
