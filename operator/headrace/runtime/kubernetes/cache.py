"""What exists in the cluster, as far as Headrace is concerned, without asking for it.

A thread for each kind lists and watches. Of a rollout's children only what `Seen` has is kept, of
the ModelRollouts themselves nearly everything, as text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from headrace.errors import PlatformUnavailable
from headrace.render.labels import ROLLOUT
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.documents import Document
from headrace.runtime.kubernetes.json_values import text
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT, OWNED, POD, Kind
from headrace.runtime.kubernetes.seen import Child, Seen, is_labelled, place_of, see, version_of
from headrace.runtime.kubernetes.watching import Watcher

STALE = 45.0
"""Seconds without the API server after which what is known is not trusted any more."""

_STOP_SECONDS = 5.0

OnChange = Callable[[str, Kind], None]
"""Is told in a watching thread of which rollout something has changed, and of which kind that is.
It must return soon."""


class Cache:
    """All ModelRollouts and what belongs to them. Safe to use from several threads.

    Attributes:
        watchers: One for each kind and namespace, with what troubles it.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespaces: Sequence[str] = (),
        on_change: OnChange = lambda key, kind: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        kinds: Sequence[Kind] = (MODEL_ROLLOUT, POD, *OWNED),
    ) -> None:
        """Prepare to watch.

        Args:
            cluster: Which.
            namespaces: Those to look at; none for all.
            on_change: Is told of changes that others have made.
            clock: Seconds that only grow.
            kinds: What is watched.
        """
        self._lock = threading.Lock()
        self._clock = clock
        self._on_change = on_change
        self._rollouts: dict[str, Document] = {}
        self._children: dict[str, dict[Child, Seen]] = {}
        self._changes: dict[str, int] = {}
        self._deleted: set[str] = set()
        self.watchers = [
            Watcher(
                cluster,
                kind,
                namespace,
                "" if kind == MODEL_ROLLOUT else ROLLOUT,
                self,
                clock,
            )
            for kind in kinds
            for namespace in (namespaces or ("",))
        ]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to watch; returns at once."""
        for watcher in self.watchers:
            name = f"watch {watcher.kind.plural} {watcher.namespace}".strip()
            thread = threading.Thread(target=watcher.run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the watches."""
        for watcher in self.watchers:
            watcher.stop()
        until = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def synced(self) -> bool:
        """Whether everything has been seen once."""
        return all(watcher.synced.is_set() for watcher in self.watchers)

    def wait(self, seconds: float) -> bool:
        """Wait until everything has been seen once.

        Args:
            seconds: How long, at most.

        Returns:
            Whether it has.
        """
        until = time.monotonic() + seconds
        return all(
            watcher.synced.wait(max(0.0, until - time.monotonic())) for watcher in self.watchers
        )

    def require(self) -> None:
        """Insist on knowing what exists.

        Raises:
            PlatformUnavailable: Not everything has been seen yet, or not for a while.
        """
        for watcher in self.watchers:
            if watcher.trouble and (
                not watcher.synced.is_set() or self._clock() - watcher.since > STALE
            ):
                raise PlatformUnavailable(
                    f"What exists in the cluster is not known: {watcher.trouble}"
                )
            if not watcher.synced.is_set():
                raise PlatformUnavailable(f"The {watcher.kind.plural} are being listed.")

    def absent(self) -> frozenset[Kind]:
        """Give the kinds that the cluster lacks."""
        return frozenset(watcher.kind for watcher in self.watchers if watcher.absent)

    def rollouts(self) -> dict[str, Document]:
        """Give every ModelRollout, by `namespace/name`."""
        with self._lock:
            return dict(self._rollouts)

    def rollout(self, key: str) -> Document | None:
        """Give one ModelRollout; None if there is none."""
        with self._lock:
            return self._rollouts.get(key)

    def children(self, key: str) -> dict[Child, Seen]:
        """Give what carries a rollout's label in its namespace, whoever made it."""
        with self._lock:
            return dict(self._children.get(key, ()))

    def change(self, key: str) -> int:
        """Give a number that changes with every change of a rollout's children."""
        return self._changes.get(key, 0)

    def note(self, kind: Kind, thing: Mapping[str, Any]) -> None:
        """Take what the API server answered to a write of ours, before the watch brings it.

        Who writes knows of it, so that nobody is told.
        """
        version = version_of(thing)
        namespace = place_of(thing)[0]
        for watcher in self.watchers:
            mine = watcher.kind == kind and watcher.namespace in ("", namespace)
            # What the watch has passed already it knows better: it may be deleted by now.
            if mine and version and version <= watcher.reached:
                return
        self._put(kind, thing)

    def note_deleted(self, key: str, child: Child) -> None:
        """Take that we deleted a child, before the watch says that it is gone."""
        with self._lock:
            seen = self._children.get(key, {}).get(child)
            if seen is not None:
                self._deleted.add(seen.uid)
                self._children[key][child] = replace(seen, leaving=True)
                self._count(key)

    def put(self, kind: Kind, thing: Mapping[str, Any]) -> None:
        """Take an object as it is now, unless something newer is known of it."""
        key = self._put(kind, thing)
        if key is not None:
            self._on_change(key, kind)

    def _put(self, kind: Kind, thing: Mapping[str, Any]) -> str | None:
        """Take an object, and give the key of the rollout of which something changes by that."""
        if kind == MODEL_ROLLOUT:
            return self._put_rollout(thing)
        namespace, name, rollout = place_of(thing)
        if not is_labelled(thing, rollout):
            # Somebody has changed its label: for its rollout it is not there.
            return self._drop(kind, thing)
        key, child = f"{namespace}/{rollout}", (kind.kind, name)
        with self._lock:
            before = self._children.get(key, {}).get(child)
            version = version_of(thing)
            if before is not None and version and version <= before.version:
                return None
            seen = see(kind, thing, before)
            if seen.uid in self._deleted:
                seen = replace(seen, leaving=True)
            self._children.setdefault(key, {})[child] = seen
            self._count(key)
        return key

    def drop(self, kind: Kind, thing: Mapping[str, Any]) -> None:
        """Take that an object is gone, or has lost its label."""
        key = self._drop(kind, thing)
        if key is not None:
            self._on_change(key, kind)

    def _drop(self, kind: Kind, thing: Mapping[str, Any]) -> str | None:
        namespace, name, rollout = place_of(thing)
        key, child = f"{namespace}/{rollout}", (kind.kind, name)
        with self._lock:
            if kind == MODEL_ROLLOUT:
                key = f"{namespace}/{name}"
                self._rollouts.pop(key, None)
            else:
                before = self._children.get(key, {}).get(child)
                if before is None or before.uid != text(thing, "metadata", "uid"):
                    return None
                self._forget(key, child)
        return key

    def keep_only(self, kind: Kind, namespace: str, uids: set[str], version: int) -> None:
        """Drop what a list did not have; what was made after it stays."""
        with self._lock:
            changed = (
                self._keep_rollouts(namespace, uids)
                if kind == MODEL_ROLLOUT
                else self._keep_children(kind, namespace, uids, version)
            )
        for key in changed:
            self._on_change(key, kind)

    def _put_rollout(self, thing: Mapping[str, Any]) -> str | None:
        namespace, name, _ = place_of(thing)
        key = f"{namespace}/{name}"
        with self._lock:
            before = self._rollouts.get(key)
            version = version_of(thing)
            if before is not None and version and version <= version_of(before):
                return None
            self._rollouts[key] = Document(thing)
        return key

    def _keep_rollouts(self, namespace: str, uids: set[str]) -> list[str]:
        gone = [
            key
            for key, thing in self._rollouts.items()
            if namespace in ("", key.split("/", 1)[0])
            and text(thing["metadata"], "uid") not in uids
        ]
        for key in gone:
            del self._rollouts[key]
        return gone

    def _keep_children(self, kind: Kind, namespace: str, uids: set[str], version: int) -> list[str]:
        gone = [
            (key, child)
            for key, children in self._children.items()
            if namespace in ("", key.split("/", 1)[0])
            for child, seen in children.items()
            if seen.kind == kind and seen.uid not in uids and seen.version <= version
        ]
        for key, child in gone:
            self._forget(key, child)
        return [key for key, _ in gone]

    def _forget(self, key: str, child: Child) -> None:
        children = self._children[key]
        self._deleted.discard(children.pop(child).uid)
        if not children:
            del self._children[key]
        self._count(key)

    def _count(self, key: str) -> None:
        self._changes[key] = self._changes.get(key, 0) + 1
