"""Who of several controllers leads: a Lease in `coordination.k8s.io`.

No clock of another machine is believed: a lease has run out when it has not changed for its own
duration by *our* clock. A controller that cannot renew stops acting before that. Both together
leave one leader at any moment, as long as clocks run equally fast; that a slow one writes nothing
stale is held by the fences of the resources, not by this.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from headrace.errors import Conflict, HeadraceError

logger = logging.getLogger(__name__)

DURATION = 10.0
"""Seconds after which a lease that nobody renews is free."""

RENEWAL = 2.5
"""Seconds between two looks at the lease, and so between two renewals: the third may still work."""

MARGIN = 2.0
"""Seconds before its end from which a lease that could not be renewed is not relied on."""


class Leases(Protocol):
    """Keeps one Lease."""

    def read(self) -> dict[str, Any] | None:
        """Give the object, or None if there is none."""
        ...

    def write(self, lease: dict[str, Any]) -> dict[str, Any]:
        """Create it, or replace the one of the same `metadata.resourceVersion`.

        Raises:
            Conflict: Another one has written it meanwhile.
        """
        ...


class Leadership:
    """Takes the lease when it is free, and keeps it."""

    def __init__(
        self,
        leases: Leases,
        identity: str,
        *,
        duration: float = DURATION,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Start nothing yet.

        Args:
            leases: Keeps the lease.
            identity: Of this process. A pod that restarts its container keeps it, and with it the
                lease, so that nobody waits for the end of a lease whose holder is dead.
            duration: Seconds that the lease lasts, > `MARGIN`.
            clock: Seconds that only grow.
            today: The wall clock, for people who look at the lease.
        """
        self._leases, self._identity, self._duration = leases, identity, duration
        self._clock, self._today = clock, today
        self._seen: object = None
        self._own: dict[str, Any] | None = None
        self._seen_at = 0.0
        self._until = float("-inf")
        self._stop = threading.Event()
        self._took = threading.Event()
        self.holder = ""

    @property
    def is_held(self) -> bool:
        """Whether this process leads now."""
        return self._clock() < self._until

    def step(self) -> bool:
        """Look at the lease once; take or renew it if that is due.

        Returns:
            Whether this process leads.
        """
        try:
            self._step()
        except Conflict:
            # Another one was quicker; the next look shows who.
            self._own = None
        except HeadraceError as error:
            self._own = None
            logger.warning("the lease could not be renewed: %s", error)
        if self.is_held:
            self._took.set()
        return self.is_held

    def _step(self) -> None:
        began = self._clock()
        # Who leads need not look: the write fails if anybody has changed it since.
        lease = self._own if self._own and self.is_held else self._leases.read()
        spec = (lease or {}).get("spec") or {}
        state = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if state != self._seen:
            self._seen, self._seen_at = state, began
        self.holder = spec.get("holderIdentity") or ""
        lasts = float(spec.get("leaseDurationSeconds") or 0)
        if self.holder not in ("", self._identity) and began < self._seen_at + lasts:
            self._until = float("-inf")
            return
        self._own = self._leases.write(self._renewed(lease, spec))
        self.holder = self._identity
        # From before the request: it may have taken long.
        self._until = began + self._duration - MARGIN

    def _renewed(self, lease: dict[str, Any] | None, spec: dict[str, Any]) -> dict[str, Any]:
        now = self._today().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        mine = spec.get("holderIdentity") == self._identity
        transitions = int(spec.get("leaseTransitions") or 0)
        return {
            **(lease or {}),
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": round(self._duration),
                "acquireTime": spec.get("acquireTime", now) if mine else now,
                "renewTime": now,
                "leaseTransitions": transitions if mine or lease is None else transitions + 1,
            },
        }

    def run(self) -> None:
        """Take and renew the lease until `close`; for a thread of its own."""
        while not self._stop.is_set():
            self.step()
            self._stop.wait(RENEWAL)

    def wait(self, timeout: float) -> bool:
        """Wait until this process has led once, at most so many seconds."""
        return self._took.wait(timeout)

    def close(self) -> None:
        """Stop renewing and give the lease back, so that a standby need not wait for its end."""
        self._stop.set()
        if not self.is_held:
            return
        self._until = float("-inf")
        try:
            lease = self._leases.read()
            if lease and lease["spec"].get("holderIdentity") == self._identity:
                self._leases.write({**lease, "spec": {**lease["spec"], "holderIdentity": ""}})
        except HeadraceError as error:
            logger.info("the lease was not given back and will run out: %s", error)
