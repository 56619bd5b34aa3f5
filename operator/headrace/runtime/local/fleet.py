"""All model servers of a rollout, and the comparator between two versions of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.engine.observations import VersionState
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from headrace.runtime.local.bundles import BundleCache
from headrace.runtime.local.comparing import NAME as COMPARATOR
from headrace.runtime.local.comparing import comparator_arguments
from headrace.runtime.local.envoy.admin import RouterView
from headrace.runtime.local.envoy.clusters import Kind
from headrace.runtime.local.fetching import Fetch
from headrace.runtime.local.ports import PortPool, Ports
from headrace.runtime.local.processes import Command
from headrace.runtime.local.servers import Probe, Replica, ServerArguments, VersionServers
from headrace.runtime.local.supervisor import ProcessStatus, Supervisor

SPARE_PORTS = 8
"""Servers that can be started without Prometheus having to learn of them."""


@dataclass(slots=True)
class Fleet:
    """The servers of every version that exists. Its owner holds a lock around all calls.

    Attributes:
        supervisor: Keeps their processes running.
        ports: Where theirs come from.
        cache: Where their bundles are.
        environment: The serving environment's root.
        arguments: Gives the command line of a server.
        logs: Where their logs go.
        folder: Where they run, so that handlers of the user are found.
        drain: Seconds from when a replica gets no more requests to its end.
    """

    supervisor: Supervisor
    ports: Ports
    cache: BundleCache
    environment: Path
    arguments: ServerArguments
    logs: Path
    folder: Path
    drain: float
    _environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """Taken once: a command that changes means a restart, and libraries set variables when they
    are imported."""
    _versions: dict[str, VersionServers] = field(default_factory=dict)
    _ending: list[Replica] = field(default_factory=list)
    """Replicas whose ports are still in use."""
    _metrics: PortPool = field(init=False)
    _comparator_port: int = field(init=False)

    def __post_init__(self) -> None:
        self._metrics = PortPool(self.ports, SPARE_PORTS)
        self._comparator_port = self.ports.reserve()

    def check(self, plan: Plan) -> None:
        """Refuse a plan whose versions cannot be told apart.

        Raises:
            PlatformUnavailable: A version that runs would become another model of the same name.
        """
        names = [model.version for model in plan.versions]
        if len(set(names)) < len(names):
            raise PlatformUnavailable(
                f"Two of the versions {', '.join(names)} have the same name: give the one that "
                "is new another one in its version field."
            )
        for model in plan.versions:
            servers = self._versions.get(model.version)
            if servers is not None and servers.model != model and servers.fetch.path is not None:
                raise PlatformUnavailable(
                    f"Version {model.version} of {model.name} already runs with another uri, "
                    "digest or handler: give the changed model another spec.model.version."
                )

    def ensure(
        self, rollout: str, plan: Plan, replicas: int, now: float, segments: str | None = None
    ) -> None:
        """Have the servers of a plan, and its comparator.

        Args:
            rollout: `namespace/name`.
            plan: What is asked for; `check` has taken it.
            replicas: Servers per version.
            now: Seconds that only grow.
            segments: The tag by which servers count rewards apart. Those that run are not told:
                users would have to wait for their restart.

        Raises:
            PlatformUnavailable: There are no ports to be had.
        """
        for model in plan.versions:
            servers = self._versions.get(model.version)
            if servers is not None and servers.model != model:
                self._ending += servers.stop(self.supervisor)
                servers = None
            if servers is None:
                servers = self._versions[model.version] = VersionServers(
                    rollout,
                    model,
                    Fetch(self.cache, model.uri, model.digest),
                    self.arguments,
                    self.folder,
                    self.logs,
                    self._environ,
                    segments,
                )
            servers.scale(replicas, self._replica, stop_at=now + self.drain)
        for servers in self._versions.values():
            if servers.fetch.path is not None:
                self.ports.hand_over(port for r in servers.replicas for port in r.ports)
            self._ending += servers.advance(self.supervisor, now)
        self._compare(plan)
        self._release_ports()

    def retire(self, plan: Plan, in_use: frozenset[str]) -> None:
        """End the servers of versions that neither the plan nor the router needs."""
        needed = in_use | {model.version for model in plan.versions}
        for version in [version for version in self._versions if version not in needed]:
            self._ending += self._versions.pop(version).stop(self.supervisor)

    def endpoints(self) -> dict[str, tuple[int, ...]]:
        """Give the ports of predictions, by version."""
        return {v: tuple(r.http for r in s.replicas) for v, s in self._versions.items()}

    def targets(self) -> dict[str, tuple[int, ...]]:
        """Give the ports of metrics, by Prometheus' job; also those of servers to come."""
        return {"servers": self._metrics.all, "comparator": (self._comparator_port,)}

    def probes(self) -> list[Probe]:
        """Give the questions to servers that are starting."""
        processes = self._processes()
        return [probe for s in self._versions.values() for probe in s.probes(processes)]

    def found_ready(self, probe: Probe) -> None:
        """Take the answer to a question."""
        if probe.version in self._versions:
            self._versions[probe.version].found_ready(probe)

    def states(self, plan: Plan, replicas: int, view: RouterView | None) -> dict[str, VersionState]:
        """Tell what exists, by version; versions on their way out want no servers.

        Args:
            plan: What is asked for.
            replicas: Servers per version that are asked for.
            view: Envoy now; None if it does not answer.
        """
        processes = self._processes()
        # Of what is only just asked for there is nothing yet.
        states = {model.version: VersionState(replicas, 0) for model in plan.versions}
        for version, servers in self._versions.items():
            live = None if view is None else view.clusters.get((version, Kind.LIVE))
            healthy = None if view is None else live.healthy if live else frozenset[int]()
            states[version] = servers.state(
                processes, healthy, replicas if version in states else 0
            )
        return states

    def problems(self) -> list[str]:
        """Give what keeps bundles from being here."""
        return [s.fetch.problem for s in self._versions.values() if s.fetch.problem]

    def close(self) -> None:
        """Stop fetching. The supervisor ends the processes."""
        for servers in self._versions.values():
            servers.fetch.cancel()

    def _processes(self) -> Mapping[str, ProcessStatus]:
        return {process.name: process for process in self.supervisor.status()}

    def _replica(self, name: str) -> Replica:
        return Replica(name, self.ports.reserve(), self._metrics.take(), self.ports.reserve())

    def _release_ports(self) -> None:
        # Only when the process is gone: the next one with its port would find it taken.
        for replica in [r for r in self._ending if r.name not in self.supervisor.leaving]:
            self.ports.release([replica.http, replica.seldon_metrics])
            self._metrics.give(replica.metrics)
            self._ending.remove(replica)

    def _compare(self, plan: Plan) -> None:
        pair = [model for model in (plan.stable, plan.candidate) if model is not None]
        arms = [self._versions[model.version].replicas for model in pair]
        if plan.stable is None or plan.candidate is None or not all(arms):
            self.supervisor.unwant(COMPARATOR)
            return
        self.ports.hand_over([self._comparator_port])
        arguments = comparator_arguments(
            self.environment, plan.stable, plan.candidate, arms, self._comparator_port
        )
        log = self.logs / f"{COMPARATOR}.log"
        self.supervisor.want(COMPARATOR, Command(arguments, log, self._environ, self.logs))
