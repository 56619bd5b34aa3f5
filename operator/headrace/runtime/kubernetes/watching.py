"""Keeps up with all objects of one kind: lists them once, then follows their changes.

Nothing is lost by a connection that breaks, as the watch goes on from the version that it had
reached. When that is forgotten by the API server (410 Gone) everything is listed again.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from headrace.errors import HeadraceError, NotFound, PlatformUnavailable
from headrace.runtime.kubernetes.answers import Changes, Expired
from headrace.runtime.kubernetes.cluster import Cluster
from headrace.runtime.kubernetes.kinds import Kind
from headrace.runtime.kubernetes.seen import version_of

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 5.0
"""Seconds between two tries, at most, unless the API server asks for more."""

ABSENT_PAUSE = 120.0
"""Seconds between two looks for a kind that the cluster lacks."""

_WATCH_SECONDS = (240.0, 480.0)
_FIRST_PAUSE = 0.25


class Store(Protocol):
    """Where what is seen goes."""

    def put(self, kind: Kind, thing: Mapping[str, Any]) -> None:
        """Take an object as it is now."""
        ...

    def drop(self, kind: Kind, thing: Mapping[str, Any]) -> None:
        """Take that an object is gone."""
        ...

    def keep_only(self, kind: Kind, namespace: str, uids: set[str], version: int) -> None:
        """Take that, at a version, these were all objects of a kind."""
        ...


@dataclass(slots=True)
class Watcher:
    """Follows one kind, in one namespace or in all.

    Attributes:
        cluster: Where.
        kind: Which.
        namespace: Empty for all.
        labels: Selects objects, on the server; empty for all.
        store: Where they go.
        synced: Set once all have been listed, or the kind is known to be missing.
        reached: The version up to which everything has been seen.
        absent: Whether the cluster lacks the kind.
        trouble: Why nothing has been heard of late; empty if all is well.
        since: Monotonic seconds since when there is trouble.
    """

    cluster: Cluster
    kind: Kind
    namespace: str
    labels: str
    store: Store
    clock: Callable[[], float] = time.monotonic
    synced: threading.Event = field(default_factory=threading.Event)
    reached: int = 0
    absent: bool = False
    trouble: str = ""
    since: float = 0.0
    _version: str = ""
    _failures: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _changes: Changes | None = None

    def run(self) -> None:
        """Follow until `stop`; the body of a thread."""
        while not self._stop.is_set():
            pause = self._round()
            if pause:
                self._stop.wait(pause)

    def stop(self) -> None:
        """End it soon."""
        self._stop.set()
        changes = self._changes
        if changes is not None:
            changes.interrupt()

    def _round(self) -> float:
        """List or watch once and give the seconds to wait before the next round."""
        try:
            if not self._version:
                self._list()
            return self._follow()
        except Expired as error:
            self._version = ""
            return self._failed(error)
        except NotFound:
            self._version = ""
            self._is_absent()
            return ABSENT_PAUSE
        except PlatformUnavailable as error:
            return max(self._failed(error), error.retry_after)
        except HeadraceError as error:
            if self.kind.optional:
                logger.info("doing without %s: %s", self.kind.plural, error)
                self._is_absent()
                return ABSENT_PAUSE
            self._failed(error)
            return LONGEST_PAUSE

    def _list(self) -> None:
        uids: set[str] = set()
        version = ""
        for page, listed in self.cluster.pages(self.kind, self.namespace, self.labels):
            version = listed
            for thing in page:
                uids.add(str(thing.get("metadata", {}).get("uid", "")))
                self.store.put(self.kind, thing)
        self.store.keep_only(self.kind, self.namespace, uids, _number(version))
        self._version = version
        self._heard(_number(version))
        self.absent = False
        self.synced.set()

    def _follow(self) -> float:
        seconds = random.uniform(*_WATCH_SECONDS)
        began = self.clock()
        heard = False
        self._changes = self.cluster.watch(
            self.kind, self.namespace, self.labels, self._version, seconds
        )
        with contextlib.closing(self._changes):
            if self._stop.is_set():
                return 0.0
            self._well()
            for change, thing in self._changes:
                if change == "DELETED":
                    self.store.drop(self.kind, thing)
                elif change in ("ADDED", "MODIFIED"):
                    self.store.put(self.kind, thing)
                version = thing.get("metadata", {}).get("resourceVersion", "")
                self._version = str(version) or self._version
                self._heard(version_of(thing))
                heard = True
        # A server that ends watches at once must not be asked in a busy loop.
        return 0.0 if heard or self.clock() - began > 1.0 else self._pause()

    def _heard(self, version: int) -> None:
        self.reached = max(self.reached, version)
        self._well()

    def _well(self) -> None:
        self._failures, self.trouble = 0, ""

    def _is_absent(self) -> None:
        self._well()
        self.absent = True
        self.store.keep_only(self.kind, self.namespace, set(), self.reached)
        self.synced.set()

    def _failed(self, error: HeadraceError) -> float:
        if not self.trouble:
            self.since = self.clock()
        self.trouble = str(error)
        if not self._stop.is_set():
            logger.info("watching %s: %s", self.kind.plural, error)
        return self._pause()

    def _pause(self) -> float:
        self._failures = min(self._failures + 1, 10)
        longest = min(LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures)
        return float(random.uniform(longest / 2, longest))


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
