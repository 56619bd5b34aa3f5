"""The router: Envoy's files, brought step by step to what a plan asks for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from headrace.runtime.local.documents import publish
from headrace.runtime.local.envoy.admin import RouterView, read_router
from headrace.runtime.local.envoy.bootstrap import bootstrap
from headrace.runtime.local.envoy.clusters import Kind, clusters_file, endpoints_file
from headrace.runtime.local.envoy.files import EnvoyFiles
from headrace.runtime.local.envoy.routes import Routes, routes_file
from headrace.runtime.local.processes import Command
from headrace.runtime.local.switching import (
    Retirement,
    next_routes,
    planned_clusters,
    planned_routes,
)

PATIENCE = 5.0
"""Seconds that Envoy may take to carry new routes before it is called a problem."""


class Router:
    """Envoy's folder and what it should say.

    Args:
        root: The folder.
        listener_port: Where users send requests.
        admin_port: Where Envoy is asked.
        drain: Seconds for which a version that nobody uses any more is kept.
    """

    def __init__(self, root: Path, listener_port: int, admin_port: int, drain: float) -> None:
        self.listener_port = listener_port
        self.admin_port = admin_port
        self.settled = False
        self.problem = ""
        self._files = EnvoyFiles(root)
        self._rollout = ""
        self._retirement = Retirement(drain)
        self._clusters: frozenset[tuple[str, Kind]] = frozenset()
        self._known: frozenset[tuple[str, Kind]] = frozenset()
        self._routes = Routes()
        self._late_since: float | None = None

    def prepare(self) -> None:
        """Write the files of an Envoy that has no version yet.

        Raises:
            OSError: The disk did not take them.
        """
        self._files.make()
        document = bootstrap(self._files, self.listener_port, self.admin_port)
        self._files.bootstrap.write_text(json.dumps(document, indent=1))
        publish(self._files.clusters, clusters_file(self._files, "", ()))
        publish(self._files.routes, routes_file("", Routes()))

    def command(self, binary: Path, log: Path) -> Command:
        """Give Envoy's command line."""
        return Command(
            (
                str(binary),
                *("--config-path", str(self._files.bootstrap)),
                # Hot restarts share memory by a number that a second Envoy would have, too.
                "--disable-hot-restart",
                *("--concurrency", "1", "--log-level", "warning"),
            ),
            log,
            dict(os.environ),
            self._files.root,
        )

    def view(self) -> RouterView:
        """Ask Envoy what it carries. Needs no lock.

        Raises:
            PlatformUnavailable: It does not answer.
        """
        return read_router(self.admin_port, self._rollout, self._known)

    def converge(
        self,
        rollout: str,
        plan: Plan,
        ports: Mapping[str, tuple[int, ...]],
        view: RouterView,
        now: float,
    ) -> frozenset[str]:
        """Take the next step towards a plan.

        Args:
            rollout: `namespace/name`; always the same.
            plan: What is asked for.
            ports: Of predictions, by version, of all versions that run.
            view: Envoy now.
            now: Seconds that only grow.

        Returns:
            The versions whose servers Envoy may still send requests to.

        Raises:
            OSError: The disk did not take a file; the next call tries again.
        """
        self._rollout = rollout
        planned = planned_routes(plan)
        ours = {name: cluster for name, cluster in view.clusters.items() if name in self._clusters}
        routes = next_routes(planned, RouterView(view.routes, ours))
        wanted = planned_clusters(plan) | routes.clusters
        kept = self._retirement.keep(self._clusters, wanted, view, now)
        self._known |= kept
        # Make before break. What this removes, Envoy's routes have not named for a while.
        for version in {version for version, _ in kept}:
            publish(self._files.endpoints(version), endpoints_file(version, ports[version]))
        publish(self._files.clusters, clusters_file(self._files, rollout, kept))
        self._clusters = kept
        publish(self._files.routes, routes_file(rollout, routes))
        self._routes = routes
        carried = view.routes or Routes()
        self.settled = planned == carried and wanted == kept == view.clusters.keys()
        self._watch(carried, now)
        return frozenset(version for version, _ in kept | view.clusters.keys())

    def _watch(self, carried: Routes, now: float) -> None:
        if carried == self._routes:
            self._late_since, self.problem = None, ""
            return
        if self._late_since is None:
            self._late_since = now
        if now - self._late_since > PATIENCE:
            self.problem = (
                f"Envoy has not taken over new routes for {PATIENCE:g} s: its log says why."
            )

    def require(self) -> None:
        """Refuse to go on without an Envoy that has started.

        Raises:
            PlatformUnavailable: It is not ready.
        """
        view = self.view()
        if view.routes is None:
            raise PlatformUnavailable("Envoy has no routes yet.")
