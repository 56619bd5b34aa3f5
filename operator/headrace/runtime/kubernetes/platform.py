"""The platform in a cluster: applies what has changed of a plan, and tells what exists.

Both work from the cache. A plan that is in place costs no request, and an object that somebody has
changed or deleted is put back. What a plan no longer names is deleted, once no request goes there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from headrace.api import ModelRollout
from headrace.engine.observations import Serving, World
from headrace.engine.plan import Plan
from headrace.engine.steps import ALL_STABLE
from headrace.runtime.kubernetes.applying import Application, waited_out
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.complaint import Note
from headrace.runtime.kubernetes.disowning import disown
from headrace.runtime.kubernetes.memory import NEVER, Memory
from headrace.runtime.kubernetes.pieces import manifests_of, uid_of
from headrace.runtime.kubernetes.pods import PodState
from headrace.runtime.kubernetes.seen import Seen
from headrace.runtime.kubernetes.serving import SERVERS, destinations, serving_of
from headrace.runtime.kubernetes.tally import Tally
from headrace.runtime.kubernetes.world import answering, carrying, models_of, route_of, world_of


class KubernetesPlatform:
    """Runs any number of rollouts. Of one rollout, only one thread at a time may call it."""

    def __init__(
        self, cluster: Cluster, cache: Cache, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what it works with.

        Args:
            cluster: Where objects are applied.
            cache: What exists there; started and stopped by its owner.
            clock: Seconds that only grow.
        """
        self._cluster = cluster
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._memories: dict[str, Memory] = {}

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Make the cluster look like the plan; a second call with the same plan asks nothing.

        Returns:
            Whether anything is other than it was before.

        Raises:
            PlatformUnavailable: Something did not work this time, and the text says what. All
                that did not depend on it was done.
            InvalidRollout: The plan cannot be rendered.
            InvalidInput: The rollout was not read from a cluster.
        """
        self._cache.require()
        if plan.as_it_is or self.settled(rollout, plan):
            return False
        memory = self._memory(rollout)
        change = self._cache.change(rollout.key)
        memory.settled = NEVER
        if self._application(rollout, plan).run():
            memory.settled = change
        return self._cache.change(rollout.key) != change

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        """Move users and do nothing else, unless their route is not what was seen any more.

        Raises:
            PlatformUnavailable: It did not work; `apply` with the same plan tries again.
            InvalidRollout: The plan cannot be rendered.
            InvalidInput: The rollout was not read from a cluster.
        """
        self._cache.require()
        memory = self._memory(rollout)
        memory.settled = NEVER
        self._application(rollout, plan).move()

    def settled(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Tell whether a plan is in place and nothing is left of any other."""
        memory = self._memory(rollout)
        return (
            memory.settled == self._cache.change(rollout.key)
            and memory.generation == rollout.metadata.generation
            and memory.plan == plan
        )

    def observe(self, rollout: ModelRollout) -> World:
        """Tell what exists of this rollout now; asks nothing while its versions have the users.

        Raises:
            PlatformUnavailable: What exists is not known.
            InvalidInput: The rollout was not read from a cluster.
        """
        self._cache.require()
        memory = self._memory(rollout)
        status = rollout.status
        models = models_of(status)
        change, generation = self._cache.change(rollout.key), rollout.metadata.generation
        basis = (change, generation, status.stable, status.candidate, models, memory.ending)
        if memory.world is not None and memory.world[0] == basis:
            memory.notes += memory.complaint.due(self._clock())
            return memory.world[1]
        for servers in status.servers:
            told = Tally(servers.seen_restarts, servers.seen_oom_kills)
            memory.tallies.setdefault(servers.version, told)
        children = _own(self._cache.children(rollout.key).values(), memory.uid)
        world = world_of(rollout, models, children, memory.tallies_of(models))
        world = replace(world, ending=memory.ending, serving=self._serving(rollout, children))
        memory.world = (basis, world)
        provider = rollout.spec.routing.provider
        memory.complaint.look(route_of(rollout, children), provider, self._clock())
        return world

    def _serving(self, rollout: ModelRollout, children: Sequence[Seen]) -> tuple[Serving, ...]:
        """Look for who serves users that the status gives to nobody; asks once for each that may.

        Their router may be the one that the spec named before.
        """
        stable, candidate = rollout.status.stable, rollout.status.candidate
        if stable is not None and candidate is not None:
            return ()
        route = carrying(rollout, children)
        if route is None:
            return ()
        having = {name for name, weight in route.weights.items() if weight}
        if stable is not None and not having.isdisjoint(destinations(rollout, stable)):
            return ()
        if candidate is not None and having.issubset(destinations(rollout, candidate)):
            return ()
        namespace, servers = rollout.metadata.namespace, []
        for seen in children:
            if seen.kind in SERVERS:
                with waited_out():
                    found = self._cluster.get(seen.kind, namespace, seen.name)
                if found is not None:
                    servers.append((seen.kind, found))
        return serving_of(rollout, route, servers, answering(children))

    def notes(self, key: str) -> list[Note]:
        """Give what people should hear of a rollout as (reason, sentence), each once.

        Args:
            key: `namespace/name`.
        """
        with self._lock:
            memory = self._memories.get(key)
        if memory is None:
            return []
        notes, memory.notes = memory.notes, []
        return notes

    def release(self, rollout: ModelRollout, plan: Plan) -> None:
        """Let what stable needs outlive its rollout.

        Apply a plan of stable alone before, until it is settled: a route that still names other
        versions would outlive them.

        Raises:
            PlatformUnavailable: Something did not work this time.
        """
        if plan.stable is None:
            return
        alone = Plan(stable=plan.stable, candidate=None, traffic=ALL_STABLE)
        children, uid = self._cache.children(rollout.key), uid_of(rollout)
        for manifest in manifests_of(rollout, alone, owned=False):
            seen = children.get((manifest["kind"], manifest["metadata"]["name"]))
            if seen is None or seen.owner != uid:
                continue  # nothing of ours that could be left behind
            with waited_out():
                self._cache.note(seen.kind, self._cluster.apply(manifest))

    def abandon(self, key: str, uid: str) -> None:
        """Let all that a rollout has outlive it, as it is.

        Args:
            key: `namespace/name`.
            uid: Of the rollout.

        Raises:
            PlatformUnavailable: Something did not work this time.
        """
        namespace, _, _ = key.partition("/")
        for seen in self._cache.children(key).values():
            if seen.owner == uid:
                with waited_out():
                    disown(self._cluster, seen.kind, namespace, seen.name, uid)

    def forget(self, key: str) -> None:
        """Forget a rollout that is gone.

        Args:
            key: `namespace/name`.
        """
        with self._lock:
            self._memories.pop(key, None)

    def _application(self, rollout: ModelRollout, plan: Plan) -> Application:
        memory, now = self._memory(rollout), self._clock()
        return Application(self._cluster, self._cache, rollout, plan, memory, now)

    def _memory(self, rollout: ModelRollout) -> Memory:
        uid = uid_of(rollout)
        with self._lock:
            memory = self._memories.get(rollout.key)
            if memory is None or memory.uid != uid:
                memory = self._memories[rollout.key] = Memory(uid)
            return memory


def _own(children: Iterable[Seen], uid: str) -> list[Seen]:
    """Leave out what a rollout of the same name left behind; pods belong to ReplicaSets."""
    return [e for e in children if isinstance(e.reading, PodState) or e.owner in ("", uid)]
