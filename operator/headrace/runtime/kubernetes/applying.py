"""One application of a plan: what is due, in which order, and what may go.

Objects do not wait for each other's errors, unless the API server itself is away. Only two things
have to be in order: a route names no Service that is not there yet, and nothing goes that a request
may still reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headrace.api import ModelRollout
from headrace.engine.plan import Plan
from headrace.errors import Conflict, HeadraceError, NotFound, PlatformUnavailable
from headrace.render.manifest import Manifest
from headrace.render.names import predictor_name
from headrace.runtime.kubernetes.answers import NamespaceEnding, NoAnswer
from headrace.runtime.kubernetes.cache import Cache
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.drift import Drift
from headrace.runtime.kubernetes.kinds import OWNED, SELDON_DEPLOYMENT, SERVICE
from headrace.runtime.kubernetes.memory import Memory
from headrace.runtime.kubernetes.pieces import (
    Piece,
    manifests_of,
    manifests_since,
    pieces_of,
)
from headrace.runtime.kubernetes.placing import Placing
from headrace.runtime.kubernetes.predictors import (
    in_the_way,
    mark_of,
    servers_for_now,
    services_of,
    with_predictors,
    with_servers,
    without_predictors,
)
from headrace.runtime.kubernetes.routes import RouteState
from headrace.runtime.kubernetes.seen import Child, Seen
from headrace.runtime.kubernetes.takeover import is_taken_over


@dataclass(slots=True)
class Application:
    """Applies one plan of one rollout, once.

    Attributes:
        cluster: Where.
        cache: What exists.
        rollout: Whose plan it is.
        plan: What should exist.
        memory: What is known of it.
        now: Seconds that only grow.
    """

    cluster: Cluster
    cache: Cache
    rollout: ModelRollout
    plan: Plan
    memory: Memory
    now: float
    _children: dict[Child, Seen] = field(default_factory=dict)
    _manifests: dict[Child, Manifest] = field(default_factory=dict)
    _errors: list[HeadraceError] = field(default_factory=list)

    def run(self) -> bool:
        """Do what is to be done now, and tell whether there was nothing.

        Raises:
            PlatformUnavailable: Something could not be done, and the text says what.
            InvalidRollout: The plan cannot be rendered.
        """
        due = self._due()
        for piece in self._in_order(due):
            self._try(piece)
            if self._is_cut_off:
                break
        extra = self._extra()
        if extra and is_taken_over(self.memory, self._children, self.now):
            for seen in extra:
                if not self._is_cut_off:
                    self._delete(seen)
        self._raise()
        return not due and not extra

    def move(self) -> None:
        """Move users and do nothing else, if their route is as it was seen.

        Raises:
            PlatformUnavailable: It could not be done, and the text says what.
            InvalidRollout: The plan cannot be rendered.
        """
        for piece in self._due(routes_only=True):
            if piece.child in self._children:
                self._try(piece, over_seen=True)
        self._raise()

    def _due(self, *, routes_only: bool = False) -> list[Piece]:
        memory, generation = self.memory, self.rollout.metadata.generation
        if (memory.generation, memory.plan) != (generation, self.plan):
            memory.pieces = self._pieces()
            memory.plan, memory.generation = self.plan, generation
        self._children = self.cache.children(self.rollout.key)
        drift = Drift(memory, self._children, self._manifest, self.now)
        # Who looks for drift is to put back what it finds.
        pieces = [piece for piece in memory.pieces if piece.routes or not routes_only]
        return [piece for piece in pieces if drift.is_due(piece) or self._waits(piece)]

    def _raise(self) -> None:
        if self._errors:
            with waited_out():
                raise self._errors[0]

    @property
    def _is_cut_off(self) -> bool:
        return bool(self._errors) and isinstance(self._errors[-1], NoAnswer)

    def _pieces(self) -> tuple[Piece, ...]:
        """Give what the plan is made of; most of it is what the last one was."""
        memory, before, changed = self.memory, self.memory.plan, None
        if before is not None and memory.generation == self.rollout.metadata.generation:
            changed = manifests_since(self.rollout, before, self.plan)
        if changed is None:
            self._render()
            return pieces_of(self.rollout, self._manifests.values())
        self._manifests = _by_child(changed)
        fresh = {piece.child: piece for piece in pieces_of(self.rollout, changed)}
        return tuple(fresh.get(piece.child, piece) for piece in memory.pieces)

    def _render(self) -> None:
        self._manifests = _by_child(manifests_of(self.rollout, self.plan))

    def _manifest(self, piece: Piece) -> Manifest:
        if piece.child not in self._manifests:
            self._render()
        return self._manifests[piece.child]

    def _in_order(self, due: list[Piece]) -> Iterator[Piece]:
        """Give routes that can be first, as a way back must not wait for anything else."""
        late = []
        for piece in due:
            if piece.routes:
                if self._can_route(piece):
                    yield piece
                else:
                    late.append(piece)
        yield from (piece for piece in due if not piece.routes)
        yield from late

    def _try(self, piece: Piece, *, over_seen: bool = False) -> None:
        """Apply one object, if wished only over what was seen; an error is kept for the end."""
        try:
            if piece.routes and not self._can_route(piece):
                raise PlatformUnavailable(f"{piece} waits for the Services that it will name.")
            manifest = self._manifest(piece)
            if piece.kind == SELDON_DEPLOYMENT:
                for_now = self._for_now(piece, manifest)
                if for_now is None:
                    return
                manifest = for_now
            seen = self._children.get(piece.child)
            if over_seen:
                manifest = _fenced(manifest, seen)
            answer = Placing(self.cluster, self.rollout, self.cache.absent).place(
                piece, manifest, seen
            )
        except HeadraceError as error:
            self._errors.append(error)
            self.memory.ending |= isinstance(error, NamespaceEnding)
            if isinstance(error, NoAnswer):
                self.memory.unsure.add(piece.child)
            return
        self.memory.unsure.discard(piece.child)
        self.cache.note(piece.kind, answer)
        self._children = self.cache.children(self.rollout.key)
        placed = self._children.get(piece.child)
        if placed is not None and placed.applied == piece.digest:
            self.memory.accepted[piece.child] = (piece.digest, placed.fields)

    def _can_route(self, piece: Piece) -> bool:
        """Tell whether every Service that a route names is there, or was named by it before."""
        seen = self._children.get(piece.child)
        before = seen.reading.services if seen and isinstance(seen.reading, RouteState) else ()
        return all(self._exists(name) for name in sorted(piece.services.difference(before)))

    def _exists(self, service: str) -> bool:
        child = (SERVICE.kind, service)
        if child in self.memory.unsure:
            return False
        seen = self._children.get(child)
        if seen is not None:
            return not seen.leaving
        if any(piece.child == child for piece in self.memory.pieces):
            return False
        if service not in self.memory.backends:
            # The Seldon operator's own, which carry no label of ours.
            try:
                found = self.cluster.get(SERVICE, self.rollout.metadata.namespace, service)
            except HeadraceError as error:
                self._errors.append(error)
                return False
            if found is None:
                return False
            self.memory.backends.add(service)
        return True

    def _for_now(self, piece: Piece, manifest: Manifest) -> Manifest | None:
        """Give a SeldonDeployment as it is to be until users have moved; None if it is that."""
        seen = self._children.get(piece.child)
        if seen is None or not isinstance(seen.reading, RouteState):
            return manifest
        if self.rollout.spec.routing.provider == "Seldon":
            for_now = self._until_moved(manifest, seen)
            is_there = for_now is not manifest and seen.applied == mark_of(for_now)
            return None if is_there else for_now
        kept = seen.reading.services - services_of(manifest)
        if not kept or is_taken_over(self.memory, self._children, self.now):
            return manifest
        mark = f"{piece.digest} and {', '.join(sorted(kept))}"
        if seen.applied == mark:
            return None
        namespace = self.rollout.metadata.namespace
        live = self.cluster.get(piece.kind, namespace, piece.name)
        return with_predictors(manifest, live, kept, mark)

    def _until_moved(self, manifest: Manifest, seen: Seen) -> Manifest:
        """Give what the Seldon operator is to have for it to move users now."""
        children, plan = self._children.values(), self.plan
        out = in_the_way(manifest, seen, children)
        for_now = without_predictors(manifest, out) if out else manifest
        name = "" if plan.stable is None else predictor_name(plan.stable)
        servers = servers_for_now(
            for_now,
            seen,
            children,
            name,
            is_moving=bool(out),
            retreating=plan.retreating,
            arrived=self.rollout.status.carried_since is not None,
        )
        return for_now if servers is None else with_servers(for_now, name, servers)

    def _waits(self, piece: Piece) -> bool:
        """Tell whether what is in place is right, and users cannot move by it yet."""
        seen = self._children.get(piece.child)
        if piece.kind != SELDON_DEPLOYMENT or seen is None or not self.plan.retreating:
            return False
        manifest = self._manifest(piece)
        for_now = self._until_moved(manifest, seen) if piece.routes else manifest
        return for_now is not manifest and seen.applied != mark_of(for_now)

    def _extra(self) -> list[Seen]:
        """Give what this rollout owns and the plan does not name."""
        wanted = {piece.child for piece in self.memory.pieces}
        return [
            seen
            for child, seen in self._children.items()
            if child not in wanted and seen.owner == self.memory.uid and seen.kind in OWNED
        ]

    def _delete(self, seen: Seen) -> None:
        if seen.leaving:
            return
        child = (seen.kind.kind, seen.name)
        self.memory.accepted.pop(child, None)
        namespace = self.rollout.metadata.namespace
        try:
            self.cluster.delete(seen.kind, namespace, seen.name, seen.uid)
        except (NotFound, Conflict):
            pass  # it is gone already, and the watch will say so
        except HeadraceError as error:
            self._errors.append(error)
            if isinstance(error, NoAnswer):
                self.memory.unsure.add(child)
            return
        self.memory.unsure.discard(child)
        self.cache.note_deleted(self.rollout.key, child)


def _by_child(manifests: Iterable[Manifest]) -> dict[Child, Manifest]:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def _fenced(manifest: Manifest, seen: Seen | None) -> Manifest:
    """Have the API server refuse a manifest where an object has changed since it was seen."""
    if seen is None or not seen.version:
        return manifest
    metadata = {**manifest["metadata"], "resourceVersion": str(seen.version)}
    return {**manifest, "metadata": metadata}


@contextmanager
def waited_out() -> Iterator[None]:
    """Have errors of the API server be what the engine's caller waits out.

    Raises:
        PlatformUnavailable: In place of any other error of ours.
    """
    try:
        yield
    except PlatformUnavailable:
        raise
    except HeadraceError as error:
        raise PlatformUnavailable(str(error)) from error
