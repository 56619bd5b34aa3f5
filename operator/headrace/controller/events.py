"""Kubernetes Events: what was decided, where `kubectl describe` shows it.

An Event's name follows from what it says, so a decision that is told again after a crash makes no
second one. They are told by a thread of its own: nothing waits for them, and an API server that
does not take them costs the Events and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from datetime import UTC, datetime
from typing import Any, Protocol

from headrace.api import ModelRollout, Status
from headrace.controller.telling import Told, is_warning
from headrace.engine.decision import Action, Decision
from headrace.engine.foresight import PROVABLE
from headrace.errors import Conflict, HeadraceError, TemporaryError

logger = logging.getLogger(__name__)

LONGEST = 1024
"""Characters of a message; the API server refuses more."""

WAITING = 1000
"""Events that may wait to be told; what is beyond them is told to the log only."""

TRIES = 3

OLD = 600.0
"""Seconds after which a decision was told by whoever led then: a restart tells it to nobody."""

Object = dict[str, Any]


class Creator(Protocol):
    """Creates objects."""

    def create(self, manifest: Object) -> Object:
        """Create one.

        Raises:
            Conflict: There is one of the name.
            HeadraceError: It could not be created.
        """
        ...


class Events:
    """Tells of decisions and other happenings."""

    def __init__(self, creator: Creator, identity: str) -> None:
        """Start the thread.

        Args:
            creator: Creates the Events.
            identity: Of this process.
        """
        self._creator, self._identity = creator, identity
        self._told: dict[str, Told] = {}
        self._forecasts: dict[str, tuple[str, float | None]] = {}
        self._lock = threading.Lock()
        self._queue: queue.Queue[Object | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def decided(
        self, rollout: ModelRollout, status: Status, decision: Decision, now: float
    ) -> None:
        """Tell of a decision if it is news.

        Args:
            rollout: Whose.
            status: After the decision.
            decision: The engine's.
            now: Unix seconds.
        """
        model = status.candidate or status.stable or rollout.spec.model
        since = now if status.decision is None else status.decision.time
        with self._lock:
            told = self._told.setdefault(rollout.key, Told())
            is_first = told.last is None
            news = told.is_news(decision, model.version, since, now)
        if news and not (is_first and now - since > OLD):
            message = f"{model}: {decision.message}"
            # How long it has held is another sentence at every start, and no other decision.
            what = "" if decision.action is Action.HOLD else message
            self._tell(rollout, decision.reason, message, since, is_warning(decision), what)

    def foreseen(self, rollout: ModelRollout) -> None:
        """Tell once of each rollout what it can prove in its time; a warning if that is nothing.

        Args:
            rollout: With the status of the tick.
        """
        status = rollout.status
        forecast = next((one for one in status.conditions if one.type == PROVABLE), None)
        if forecast is None or status.started is None or forecast.status == "Unknown":
            return
        told = (forecast.status, status.started)
        with self._lock:
            known, self._forecasts[rollout.key] = self._forecasts.get(rollout.key), told
        if known != told:
            warn = forecast.status == "False"
            self._tell(rollout, forecast.reason, forecast.message, status.started, warn)

    def happened(
        self, rollout: ModelRollout, reason: str, message: str, now: float, *, warn: bool = True
    ) -> None:
        """Tell of something else, such as an object that was put back."""
        self._tell(rollout, reason, message, now, warn)

    def forget(self, key: str) -> None:
        """Forget a rollout that is gone."""
        with self._lock:
            self._told.pop(key, None)
            self._forecasts.pop(key, None)

    def close(self, timeout: float = 5.0) -> None:
        """Tell what waits, for at most so many seconds."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _tell(
        self,
        rollout: ModelRollout,
        reason: str,
        message: str,
        at: float,
        warn: bool,
        what: str | None = None,
    ) -> None:
        """Tell something; what says the same of the same time is told once."""
        logger.log(
            logging.WARNING if warn else logging.INFO,
            "%s",
            message,
            extra={"rollout": rollout.key, "reason": reason},
        )
        try:
            self._queue.put_nowait(_event(rollout, reason, message, at, warn, self._identity, what))
        except queue.Full:
            logger.warning("%s: too many Events wait; this one is in the log only", rollout.key)

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._create(event)
            except HeadraceError as error:
                logger.warning("an Event could not be told: %s", error)

    def _create(self, event: Object) -> None:
        for left in reversed(range(TRIES)):
            try:
                self._creator.create(event)
                return
            except Conflict:
                return
            except TemporaryError:
                if not left:
                    raise


def _event(
    rollout: ModelRollout,
    reason: str,
    message: str,
    at: float,
    warn: bool,
    identity: str,
    what: str | None,
) -> Object:
    metadata = rollout.metadata
    uid = str((metadata.model_extra or {}).get("uid", ""))
    content = "\n".join((uid, reason, message if what is None else what, f"{at:.3f}"))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    moment = datetime.fromtimestamp(at, UTC)
    shown = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata.name}.{digest}", "namespace": metadata.namespace},
        "involvedObject": {
            "apiVersion": rollout.api_version,
            "kind": rollout.kind,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": uid,
        },
        "type": "Warning" if warn else "Normal",
        "reason": reason,
        "message": message if len(message) <= LONGEST else f"{message[: LONGEST - 3]}...",
        "source": {"component": "headrace"},
        "firstTimestamp": shown,
        "lastTimestamp": shown,
        "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "count": 1,
        "action": "Decided",
        "reportingComponent": "headrace.dev/controller",
        "reportingInstance": identity[:128],
    }
