"""The controller in a cluster: watches, one loop that ticks, a lease, and what it tells.

Everything that decides is elsewhere; this puts the parts together and keeps them running.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.api import ModelRollout
from headrace.controller.changes import Changes
from headrace.controller.cluster_parting import ClusterParting
from headrace.controller.endpoints import Endpoints, probe
from headrace.controller.events import Events
from headrace.controller.fleet import Fleet
from headrace.controller.kept import KeptRollouts
from headrace.controller.lease import Leadership
from headrace.controller.lease_object import LeaseObject
from headrace.controller.meters import Meters
from headrace.controller.outside import Outside
from headrace.controller.resources import Unreadable
from headrace.controller.schedule import AT_REST_SECONDS
from headrace.controller.tracing import Spans, no_spans
from headrace.engine.decision import Tick
from headrace.engine.observations import Observations
from headrace.errors import HeadraceError
from headrace.metrics.prometheus import PromQLMetrics
from headrace.metrics.source import Metrics
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, Kind
from headrace.runtime.kubernetes.platform import KubernetesPlatform

if TYPE_CHECKING:
    from headrace.registry.server import Promotes

logger = logging.getLogger(__name__)

COALESCE = 0.05
"""Seconds for which changes are gathered: what is applied for one rollout comes back as several."""

STUCK = 3 * AT_REST_SECONDS
"""Seconds without a tick after which a leader says that it is not well, and is restarted."""

LISTING = 60.0
"""Seconds within which everything must have been listed once."""

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a controller runs.

    Attributes:
        identity: Of this process, such as its pod's name.
        namespaces: Whose rollouts it looks after; none for all.
        lease: Namespace and name of the lease; None for a controller that is alone.
        host: Where it answers probes and Prometheus.
        port: The same; 0 takes a free one.
        addresses: A folder with addresses of receivers that are secrets; None for none.
        registry: Whose alias follows the traffic; None for none.
    """

    identity: str
    namespaces: tuple[str, ...] = ()
    lease: tuple[str, str] | None = None
    addresses: Path | None = None
    registry: Promotes | None = None
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from other addresses
    port: int = 8080


class Controller:
    """Looks after all ModelRollouts of a cluster until it is told to stop."""

    def __init__(
        self,
        cluster: Cluster,
        metrics: Metrics,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        spans: Spans = no_spans,
    ) -> None:
        """Start nothing yet.

        Args:
            cluster: Which.
            metrics: Where the numbers come from.
            settings: How it runs.
            clock: Gives Unix seconds.
            spans: Times what is done.
        """
        self._cluster, self._metrics, self._settings = cluster, metrics, settings
        self._clock, self._spans = clock, spans
        self._stopping = threading.Event()
        self._changes = Changes()
        self._cache = Cache(cluster, settings.namespaces, self._on_change)
        self._platform = KubernetesPlatform(cluster, self._cache)
        self._fleet: Fleet | None = None
        self._leadership = _leadership(cluster, settings)
        self._events = Events(cluster, settings.identity)
        self._outside = Outside(_say, self._changes.note, settings.addresses, settings.registry)
        self._outside_lock = threading.Lock()
        asked = metrics.asked if isinstance(metrics, PromQLMetrics) else Counter[str]()
        self._meters = Meters(
            self._rollouts,
            lambda: cluster.requests,
            lambda: asked,
            in_trouble=self._in_trouble,
            refused=self._refused,
            broken_watches=lambda: sum(bool(one.trouble) for one in self._cache.watchers),
        )
        self._ticked = time.monotonic()
        self.port = 0

    def run(self) -> None:
        """Run until `stop`.

        Raises:
            OSError: The port is taken.
            HeadraceError: The cluster cannot be looked at.
        """
        with ExitStack() as running:
            endpoints = Endpoints(
                self._settings.host,
                self._settings.port,
                {
                    "/healthz": probe(self._ailment),
                    "/readyz": probe(self._unready),
                    "/metrics": lambda: (200, _TEXT, self._meters.page()),
                },
            )
            running.enter_context(endpoints)
            self.port = endpoints.port
            running.callback(self._outside.close)
            running.callback(self._events.close)
            running.callback(self._cache.stop)
            self._cache.start()
            self._await_cache()
            if self._leadership is not None:
                thread = threading.Thread(target=self._leadership.run, name="lease", daemon=True)
                thread.start()
                running.callback(thread.join)
                running.callback(self._leadership.close)
            running.callback(self._stop_fleet)
            self._loop()

    def stop(self) -> None:
        """End `run` after the tick at hand; from any thread or a signal's handler."""
        self._stopping.set()
        self._changes.wake()

    @property
    def leads(self) -> bool:
        """Whether this process may act."""
        return self._leadership is None or self._leadership.is_held

    def _loop(self) -> None:
        again = 0.0
        while not self._stopping.is_set():
            if not self.leads:
                self._stand_by()
                continue
            self._meters.leads.set(1)
            if self._fleet is None:
                logger.info("%s leads", self._settings.identity)
                self._fleet = self._new_fleet()
                again = 0.0
            self._changes.wait(again - self._clock())
            self._stopping.wait(COALESCE)
            if not self._stopping.is_set() and self.leads:
                again = self._tick(self._fleet, again)

    def _tick(self, fleet: Fleet, due: float) -> float:
        now = self._clock()
        if due and now > due:
            self._meters.tick_delay_seconds.observe(now - due)
        with self._meters.tick_seconds.time(), self._spans("tick"):
            again = fleet.tick(now, self._changes.take())
        self._ticked = time.monotonic()
        return again

    def _stand_by(self) -> None:
        self._meters.leads.set(0)
        if self._fleet is not None:
            logger.warning("%s no longer leads", self._settings.identity)
            self._stop_fleet()
        self._stopping.wait(0.2)

    def _new_fleet(self) -> Fleet:
        if isinstance(self._metrics, PromQLMetrics):
            self._metrics.meet()
        # What another leader wrote meanwhile is in the resources: nothing of before is kept.
        return Fleet(
            KeptRollouts(self._cache.rollouts, self._cluster),
            self._metrics,
            self._platform,
            beside=self._known_outside,
            parting=ClusterParting(self._platform, self._forget),
            on_tick=self._on_tick,
            on_undone=self._on_undone,
            on_refused=self._on_refused,
            on_carried_out=self._meters.carry_out_seconds.observe,
            may_act=lambda: self.leads,
            wake=self._changes.wake,
            spans=self._spans,
        )

    def _stop_fleet(self) -> None:
        if self._fleet is not None:
            self._fleet.close()
            self._fleet = None

    def _await_cache(self) -> None:
        until = time.monotonic() + LISTING
        while not self._cache.wait(0.5) and not self._stopping.is_set():
            if time.monotonic() > until:
                self._cache.require()

    def _on_change(self, key: str, kind: Kind) -> None:
        """Hear from the cache; a resource is no change of a world, and mostly our own status."""
        if kind == MODEL_ROLLOUT:
            self._changes.wake()
        else:
            self._changes.note(key)

    def _on_tick(self, rollout: ModelRollout, answer: Tick) -> None:
        now = self._metrics.time(self._clock())
        self._events.decided(rollout, answer.status, answer.decision, now)
        self._events.foreseen(rollout)
        if answer.is_new:
            self._meters.decided(answer.decision)
        with self._outside_lock:
            self._outside.follow(rollout, answer, now)
        for reason, message in self._platform.notes(rollout.key):
            self._events.happened(rollout, reason, message, now)

    def _on_undone(self, rollout: ModelRollout, message: str) -> None:
        self._events.happened(rollout, "StatusUndone", message, self._clock())

    def _on_refused(self, resource: Unreadable) -> None:
        self._events.refused(resource, self._clock())

    def _known_outside(
        self, rollout: ModelRollout, observations: Observations, now: float
    ) -> Observations:
        with self._outside_lock:
            return self._outside.known(rollout, observations, now)

    def _forget(self, key: str) -> None:
        self._platform.forget(key)
        with self._outside_lock:
            self._outside.forget(key)
        self._events.forget(key)

    def _in_trouble(self) -> int:
        fleet = self._fleet
        members = {} if fleet is None else dict(fleet.members)
        return sum(bool(member.trouble) for member in members.values()) + len(self._refused())

    def _refused(self) -> tuple[str, ...]:
        return () if self._fleet is None else tuple(self._fleet.refused)

    def _rollouts(self) -> dict[str, ModelRollout]:
        fleet = self._fleet
        members = {} if fleet is None else dict(fleet.members)
        return {key: member.rollout for key, member in members.items()}

    def _ailment(self) -> str:
        silent = time.monotonic() - self._ticked
        if self._fleet is not None and silent > STUCK:
            return f"no tick for {silent:.0f} s"
        return ""

    def _unready(self) -> str:
        try:
            self._cache.require()
        except HeadraceError as error:
            return str(error)
        return ""


def _say(rollout: str, message: str) -> None:
    logger.warning("%s", message, extra={"rollout": rollout})


def _leadership(cluster: Cluster, settings: Settings) -> Leadership | None:
    if settings.lease is None:
        return None
    return Leadership(LeaseObject(cluster, *settings.lease), settings.identity)
