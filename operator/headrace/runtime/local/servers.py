"""The model servers of a version: how they are started, and when one is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.api import ModelSpec
from headrace.engine.observations import VersionState
from headrace.errors import PlatformUnavailable
from headrace.runtime.local.envoy.clusters import KEEPALIVE
from headrace.runtime.local.fetching import Fetch
from headrace.runtime.local.loopback import get
from headrace.runtime.local.ports import LOOPBACK
from headrace.runtime.local.processes import Command
from headrace.runtime.local.supervisor import ProcessStatus, State, Supervisor

THREADS = 4
"""Requests that one server works on at a time; more would only wait for the same core."""

ServerArguments = Callable[[ModelSpec], tuple[str, ...]]
"""Gives the command line of a model's server."""


def seldon_arguments(environment: Path) -> ServerArguments:
    """Give the command line of seldon-core's microservice.

    Args:
        environment: The serving environment's root.
    """

    def arguments(model: ModelSpec) -> tuple[str, ...]:
        # Through the interpreter: the script's first line cannot name a long path.
        return (
            str(environment / "bin" / "python"),
            str(environment / "bin" / "seldon-core-microservice"),
            model.handler,
            *("--service-type", "MODEL", "--grpc-workers", "0", "--log-level", "WARNING"),
        )

    return arguments


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of a version.

    Attributes:
        name: Of its process.
        http: The port of predictions.
        metrics: The port of our own metrics.
        seldon_metrics: The port of seldon-core's metrics, which nobody reads.
    """

    name: str
    http: int
    metrics: int
    seldon_metrics: int

    @property
    def ports(self) -> tuple[int, ...]:
        """All of them."""
        return (self.http, self.metrics, self.seldon_metrics)

    def environment(
        self, rollout: str, model: ModelSpec, bundle: Path, segments: str | None
    ) -> dict[str, str]:
        """Give what the server is told by its environment.

        Args:
            rollout: `namespace/name`.
            model: The version.
            bundle: Its folder.
            segments: The tag by which rewards are counted apart.
        """
        return {
            "HEADRACE_BUNDLE": str(bundle),
            "HEADRACE_DIGEST": model.digest,
            "HEADRACE_ROLLOUT": rollout,
            "HEADRACE_HOST": LOOPBACK,
            "HEADRACE_METRICS_PORT": str(self.metrics),
            "HEADRACE_SEGMENTS": segments or "",
            "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(self.http),
            "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": str(self.seldon_metrics),
            "GUNICORN_WORKERS": "1",
            "GUNICORN_THREADS": str(THREADS),
            "GUNICORN_KEEPALIVE": str(KEEPALIVE),
            "PYTHONUNBUFFERED": "1",
        }


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a server that was started: is it ready?

    Attributes:
        replica: Which.
        pid: Of its process, so that the answer is never taken for that of the next one.
        version: What it must serve.
    """

    replica: Replica
    pid: int
    version: str

    def ask(self) -> bool:
        """Ask; takes up to a second if it hangs.

        Returns:
            Whether it answers, and counts for its version.
        """
        try:
            get(self.replica.http, "/health/ping")
            metrics = get(self.replica.metrics, "/metrics")
        except PlatformUnavailable:
            return False
        return f'version="{self.version}"'.encode() in metrics


@dataclass(slots=True)
class VersionServers:
    """All servers of one version. Its owner holds a lock around all calls.

    Attributes:
        rollout: `namespace/name`.
        model: The version.
        fetch: Its bundle, on its way or here.
        arguments: Gives the command line of its servers.
        folder: Where servers run, so that handlers of the user are found.
        logs: Where their logs go.
        environ: What they inherit.
        segments: The tag by which they count rewards apart; None for none.
    """

    rollout: str
    model: ModelSpec
    fetch: Fetch
    arguments: ServerArguments
    folder: Path
    logs: Path
    environ: Mapping[str, str]
    segments: str | None = None
    replicas: list[Replica] = field(default_factory=list)
    _ready: dict[str, int] = field(default_factory=dict)
    """Process ids that were found ready, by replica."""
    _leaving: dict[str, tuple[Replica, float]] = field(default_factory=dict)
    """Replicas that get no more requests, and when they may end."""

    def scale(self, count: int, make: Callable[[str], Replica], stop_at: float) -> None:
        """Have so many replicas.

        Args:
            count: How many, >= 0.
            make: Makes a replica of this name, with ports of its own.
            stop_at: When those that are too many may end: the router must forget them first.
        """
        while len(self.replicas) > count:
            replica = self.replicas.pop()
            self._leaving[replica.name] = (replica, stop_at)
        while len(self.replicas) < count:
            name = f"server-{self.model.version}-{len(self.replicas)}"
            back = self._leaving.pop(name)[0] if name in self._leaving else make(name)
            self.replicas.append(back)

    def advance(self, supervisor: Supervisor, now: float) -> list[Replica]:
        """Start what can be started and stop what may end.

        Returns:
            The replicas that end now.
        """
        ending = [replica for replica, stop_at in self._leaving.values() if now >= stop_at]
        for replica in ending:
            supervisor.unwant(replica.name)
            del self._leaving[replica.name]
        bundle = self.fetch.path
        if bundle is None:
            return ending
        for replica in self.replicas:
            own = replica.environment(self.rollout, self.model, bundle, self.segments)
            log = self.logs / f"{replica.name}.log"
            environment = {**self.environ, **own}
            command = Command(self.arguments(self.model), log, environment, self.folder)
            supervisor.want(replica.name, command)
        return ending

    def stop(self, supervisor: Supervisor) -> list[Replica]:
        """End all of them, now.

        Returns:
            All of them.
        """
        self.fetch.cancel()
        ending = [*self.replicas, *(replica for replica, _ in self._leaving.values())]
        for replica in ending:
            supervisor.unwant(replica.name)
        self.replicas.clear()
        self._leaving.clear()
        return ending

    def probes(self, processes: Mapping[str, ProcessStatus]) -> list[Probe]:
        """Give the questions that are still open, by the processes as they are now."""
        return [
            Probe(replica, process.pid, self.model.version)
            for replica in self.replicas
            if (process := processes.get(replica.name)) is not None
            and process.pid is not None
            and self._ready.get(replica.name) != process.pid
        ]

    def found_ready(self, probe: Probe) -> None:
        """Take the answer to a question."""
        self._ready[probe.replica.name] = probe.pid

    def state(
        self, processes: Mapping[str, ProcessStatus], healthy: frozenset[int] | None, wanted: int
    ) -> VersionState:
        """Tell what exists.

        Args:
            processes: By name.
            healthy: The ports of predictions that the router finds healthy; None if it is down.
            wanted: How many should.
        """
        mine = [(r, processes[r.name]) for r in self.replicas if r.name in processes]
        ready = sum(
            process.state is State.RUNNING
            and self._ready.get(replica.name) == process.pid
            and (healthy is None or replica.http in healthy)
            for replica, process in mine
        )
        endings = [process.ending for _, process in mine if process.ending]
        refusals = (p.message for _, p in mine if p.state is State.REFUSED)
        return VersionState(
            wanted=wanted,
            ready=ready,
            restarts=sum(process.restarts for _, process in mine),
            refused=self.fetch.refused or next(refusals, ""),
            oom_kills=sum(process.oom_kills for _, process in mine),
            last_reason=endings[-1] if endings else "",
        )
