"""The platform in a cluster: applies what has changed of a plan, and tells what exists.

Both work from the cache. A plan that is in place costs no request, and an object that somebody has
changed or deleted is put back. What a plan no longer names is deleted, once no request goes there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.api import ModelRollout, ModelSpec
from headrace.engine.observations import World
from headrace.engine.plan import Plan
from headrace.engine.steps import ALL_STABLE
from headrace.errors import Conflict, HeadraceError, InvalidInput, NotFound, PlatformUnavailable
from headrace.render.labels import MANAGER
from headrace.render.manifest import Manifest
from headrace.runtime.kubernetes.cache import Cache, Child
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.json_values import mapping, mappings, text
from headrace.runtime.kubernetes.kinds import OWNED, SERVICE
from headrace.runtime.kubernetes.ownership import lost_fields, who_has
from headrace.runtime.kubernetes.pieces import Piece, manifests_of, pieces_of, uid_of
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import Seen
from headrace.runtime.kubernetes.tally import Tally
from headrace.runtime.kubernetes.world import models_of, route_of, world_of

GRACE = 5.0
"""Seconds for a router that does not say when it has taken over a route."""

_NEVER = -1

Note = tuple[str, str]
"""Reason in one CamelCase word, and a sentence: what an Event says."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a rollout between two ticks. None of it has to survive."""

    generation: int = -1
    plan: Plan | None = None
    pieces: tuple[Piece, ...] = ()
    settled: int = _NEVER
    """The cache's change at which the plan was found in place."""
    routed: tuple[str, float] = ("", 0.0)
    """The digests of the routes in place, and since when they are."""
    accepted: dict[Child, tuple[str, str]] = field(default_factory=dict)
    """Digest and record of fields with which a child was found or put in order."""
    placed: set[Child] = field(default_factory=set)
    backends: set[str] = field(default_factory=set)
    """Services of others that were found to exist."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    world: tuple[int, tuple[ModelSpec, ...], World] | None = None
    notes: list[Note] = field(default_factory=list)
    complaint: str = ""


class KubernetesPlatform:
    """Runs any number of rollouts. One rollout is applied and observed by one thread at a time."""

    def __init__(
        self, cluster: Cluster, cache: Cache, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what it works with.

        Args:
            cluster: Where objects are applied.
            cache: What exists there; started by its owner.
            clock: Seconds that only grow.
        """
        self._cluster = cluster
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def apply(self, rollout: ModelRollout, plan: Plan) -> None:
        """Make the cluster look like the plan; a second call with the same plan asks nothing.

        Raises:
            PlatformUnavailable: Something did not work this time, and the text says what; all that
                did not depend on it was done.
            InvalidRollout: The plan cannot be rendered.
        """
        self._cache.require()
        known = self._of(rollout.key)
        change = self._cache.change(rollout.key)
        same = known.generation == rollout.metadata.generation and known.plan == plan
        if same and known.settled == change:
            return
        known.settled = _NEVER
        application = _Application(self._cluster, self._cache, self._clock, rollout, plan, known)
        if application.run(same):
            known.settled = change

    def settled(self, rollout: ModelRollout, plan: Plan) -> bool:
        """Tell whether a plan is in place and nothing is left of any other."""
        known = self._of(rollout.key)
        return (
            known.plan == plan
            and known.generation == rollout.metadata.generation
            and known.settled == self._cache.change(rollout.key)
        )

    def observe(self, rollout: ModelRollout) -> World:
        """Tell what exists of this rollout now; asks nothing.

        Raises:
            PlatformUnavailable: What exists is not known.
        """
        self._cache.require()
        known = self._of(rollout.key)
        change = self._cache.change(rollout.key)
        models = models_of(rollout.status)
        if known.world is not None and known.world[:2] == (change, models):
            return known.world[2]
        children = self._cache.children(rollout.key).values()
        for servers in rollout.status.servers:
            known.tallies.setdefault(
                servers.version, Tally(servers.seen_restarts, servers.seen_oom_kills)
            )
        for model in models:
            known.tallies.setdefault(model.version, Tally())
        world = world_of(rollout, models, children, known.tallies)
        known.world = (change, models, world)
        self._complain(rollout, known, route_of(rollout, children))
        return world

    def notes(self, key: str) -> list[Note]:
        """Give what people should hear of a rollout, each once."""
        known = self._of(key)
        notes, known.notes = known.notes, []
        return notes

    def release(self, rollout: ModelRollout, plan: Plan) -> None:
        """Let what stable needs outlive its rollout; asks something every time.

        Apply a plan of stable alone before, until it is settled: a route that still names other
        versions would outlive them.

        Raises:
            PlatformUnavailable: Something did not work this time.
        """
        if plan.stable is None:
            return
        alone = Plan(stable=plan.stable, candidate=None, traffic=ALL_STABLE)
        try:
            for manifest in manifests_of(rollout, alone, owned=False):
                self._cluster.apply(manifest)
        except InvalidInput:
            raise
        except HeadraceError as error:
            raise _unavailable(error) from error

    def forget(self, key: str) -> None:
        """Forget a rollout that is gone."""
        with self._lock:
            self._known.pop(key, None)

    def _of(self, key: str) -> _Known:
        with self._lock:
            return self._known.setdefault(key, _Known())

    def _complain(self, rollout: ModelRollout, known: _Known, route: RouteState | None) -> None:
        problem = "" if route is None else route.problem
        if problem and problem != known.complaint:
            provider = rollout.spec.routing.provider
            known.notes.append(("RouteRefused", f"the router ({provider}) says: {problem}"))
        known.complaint = problem


@dataclass(slots=True)
class _Application:
    """One application of a plan."""

    cluster: Cluster
    cache: Cache
    clock: Callable[[], float]
    rollout: ModelRollout
    plan: Plan
    known: _Known
    _manifests: dict[Child, Manifest] = field(default_factory=dict)
    _error: HeadraceError | None = None

    def run(self, same: bool) -> bool:
        """Do what is to be done and tell whether there was nothing.

        Args:
            same: Whether the pieces that are known are those of this plan.
        """
        known = self.known
        if not same:
            self._render()
            known.pieces = pieces_of(self.rollout, self._manifests.values())
            known.plan, known.generation = self.plan, self.rollout.metadata.generation
        children = self.cache.children(self.rollout.key)
        due = [piece for piece in known.pieces if self._is_due(piece, children)]
        routes = [piece for piece in due if piece.routes]
        others = [piece for piece in due if not piece.routes]
        # First the routes that can be: a way back must not wait for anything else.
        early = [piece for piece in routes if self._can_route(piece, children)]
        for piece in (*early, *others, *(piece for piece in routes if piece not in early)):
            self._place(piece, children)
        if self._error is not None:
            raise _unavailable(self._error) from self._error
        return not due and self._prune(children)

    def _render(self) -> None:
        rendered = manifests_of(self.rollout, self.plan)
        self._manifests = {(each["kind"], each["metadata"]["name"]): each for each in rendered}

    def _manifest(self, piece: Piece) -> Manifest:
        if not self._manifests:
            self._render()
        return self._manifests[piece.child]

    def _is_due(self, piece: Piece, children: Mapping[Child, Seen]) -> bool:
        """Tell whether an object is missing, another than it should be, or was changed."""
        seen = children.get(piece.child)
        if seen is None:
            if piece.child in self.known.placed:
                self.known.placed.discard(piece.child)
                self._note("DeletionUndone", f"{piece} was deleted by somebody; it is made again")
            return True
        if seen.leaving or seen.applied != piece.digest:
            return True
        self.known.placed.add(piece.child)
        if self.known.accepted.get(piece.child) == (piece.digest, seen.fields):
            return False
        lost = lost_fields(self._manifest(piece), seen.fields)
        if lost:
            who = who_has(seen.fields)
            by = f" by {who}" if who else ""
            what = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
            self._note("EditUndone", f"{what} of {piece} was changed{by}; it is put back")
            return True
        self.known.accepted[piece.child] = (piece.digest, seen.fields)
        return False

    def _can_route(self, piece: Piece, children: Mapping[Child, Seen]) -> bool:
        """Tell whether every Service that a route names is there, or was named by it before."""
        seen = children.get(piece.child)
        reading = None if seen is None else seen.reading
        before = reading.services if isinstance(reading, RouteState) else frozenset()
        return all(self._exists(name, children) for name in sorted(piece.services - before))

    def _exists(self, service: str, children: Mapping[Child, Seen]) -> bool:
        seen = children.get((SERVICE.kind, service))
        if seen is not None:
            return not seen.leaving
        if service in self.known.backends:
            return True
        if any(piece.child == (SERVICE.kind, service) for piece in self.known.pieces):
            return False
        # The Seldon operator's own, which carry no label of ours.
        if self.cluster.get(SERVICE, self.rollout.metadata.namespace, service) is None:
            return False
        self.known.backends.add(service)
        return True

    def _place(self, piece: Piece, children: dict[Child, Seen]) -> None:
        """Apply one object; an error is kept for the end, as others do not depend on it."""
        try:
            if piece.routes and not self._can_route(piece, children):
                raise PlatformUnavailable(f"{piece} waits for the Services that it will name.")
            seen = children.get(piece.child)
            if seen is not None:
                self._require_ours(piece, seen.owner, seen.leaving)
            answer = self._apply(piece, force=seen is not None)
            self.cache.note(piece.kind, answer)
            children |= self.cache.children(self.rollout.key)
            placed = children.get(piece.child)
            if placed is not None:
                self.known.accepted[piece.child] = (piece.digest, placed.fields)
                self.known.placed.add(piece.child)
        except HeadraceError as error:
            if self._error is None:
                self._error = error

    def _apply(self, piece: Piece, *, force: bool) -> dict[str, object]:
        manifest = self._manifest(piece)
        try:
            return self.cluster.apply(manifest, force=force)
        except Conflict:
            if force:
                raise
        # There is one already that does not carry our label.
        namespace = self.rollout.metadata.namespace
        found = self.cluster.get(piece.kind, namespace, piece.name)
        owners = mappings(found, "metadata", "ownerReferences")
        owner = next((text(each, "uid") for each in owners if each.get("controller")), "")
        managed = text(mapping(found, "metadata", "labels"), "app.kubernetes.io/managed-by")
        if owner != uid_of(self.rollout) and (owner or managed != MANAGER):
            raise Conflict(
                f"{piece} in {namespace} is there already and is not Headrace's: delete or rename "
                "it, or give the rollout another name."
            )
        return self.cluster.apply(manifest)

    def _require_ours(self, piece: Piece, owner: str, leaving: bool) -> None:
        if owner not in ("", uid_of(self.rollout)):
            raise PlatformUnavailable(
                f"{piece} still belongs to another owner ({owner}); it is taken when that is gone."
            )
        if leaving:
            raise PlatformUnavailable(
                f"{piece} is being deleted; it is made again when it is gone."
            )

    def _prune(self, children: Mapping[Child, Seen]) -> bool:
        """Delete what the plan does not name; tell whether nothing is left to do."""
        wanted = {piece.child for piece in self.known.pieces}
        uid = uid_of(self.rollout)
        extra = [
            seen
            for child, seen in children.items()
            if seen.owner == uid and seen.kind in OWNED and child not in wanted
        ]
        if not extra:
            return True
        if not self._routes_hold(children):
            return False
        for seen in extra:
            if seen.leaving:
                continue
            namespace = self.rollout.metadata.namespace
            try:
                self.cluster.delete(seen.kind, namespace, seen.name, seen.uid)
            except (NotFound, Conflict):
                continue
            except HeadraceError as error:
                raise _unavailable(error) from error
        return False

    def _routes_hold(self, children: Mapping[Child, Seen]) -> bool:
        """Tell whether the router does as the routes in place say."""
        routes = [piece for piece in self.known.pieces if piece.routes]
        now, digests = self.clock(), ",".join(piece.digest for piece in routes)
        if self.known.routed[0] != digests:
            self.known.routed = (digests, now)
        readings = [children[piece.child].reading for piece in routes]
        states = [reading for reading in readings if isinstance(reading, RouteState)]
        if any(state.taken is False and not state.problem for state in states):
            return False
        if states and all(state.taken for state in states):
            return True
        return now - self.known.routed[1] >= GRACE

    def _note(self, reason: str, message: str) -> None:
        self.known.notes.append((reason, message))


def _unavailable(error: HeadraceError) -> PlatformUnavailable:
    if isinstance(error, PlatformUnavailable):
        return error
    return PlatformUnavailable(str(error))
