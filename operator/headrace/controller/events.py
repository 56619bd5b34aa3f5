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
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from headrace.api import ModelRollout, Status
from headrace.controller.resources import Unreadable
from headrace.controller.telling import Told, is_warning
from headrace.engine.decision import Action, Decision
from headrace.engine.foresight import PROVABLE
from headrace.errors import Conflict, HeadraceError, TemporaryError
from headrace.runtime.kubernetes.kinds import MODEL_ROLLOUT

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


@dataclass(frozen=True, slots=True)
class _About:
    """The rollout that an Event is about, whether or not it can be read."""

    key: str
    uid: str


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
        name, version = _subject(rollout, status, decision)
        since = now if status.decision is None else status.decision.time
        with self._lock:
            told = self._told.setdefault(rollout.key, Told())
            is_first = told.last is None
            news = told.is_news(decision, version, since, now)
        if news and not (is_first and now - since > OLD):
            message = f"{name} {version}: {decision.message}"
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

    def refused(self, resource: Unreadable, now: float) -> None:
        """Tell of a rollout that cannot be read; of the same fault only once.

        Args:
            resource: Which.
            now: Unix seconds.
        """
        about = _About(resource.key, resource.uid)
        self._say(about, resource.reason, resource.message, now, resource.message, warn=True)

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
        about = _About(rollout.key, rollout.uid)
        same = f"{message if what is None else what}\n{at:.3f}"
        self._say(about, reason, message, at, same, warn=warn)

    def _say(
        self, about: _About, reason: str, message: str, at: float, same: str, *, warn: bool
    ) -> None:
        """Tell something, unless something was told that is the same."""
        logger.log(
            logging.WARNING if warn else logging.INFO,
            "%s",
            message,
            extra={"rollout": about.key, "reason": reason},
        )
        event = _event(about, reason, message, at, same, self._identity, warn=warn)
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            logger.warning("%s: too many Events wait; this one is in the log only", about.key)

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


def _subject(rollout: ModelRollout, status: Status, decision: Decision) -> tuple[str, str]:
    """Give name and version of the model that a decision is about.

    The tick that ends a rollout has no candidate any more, and repeats what was decided of it.
    """
    model = status.candidate or status.stable or rollout.spec.model
    last = status.history[-1] if status.history else None
    if status.candidate is None and last is not None and last.message == decision.message:
        return model.name, last.version
    return model.name, model.version


def _event(
    about: _About,
    reason: str,
    message: str,
    at: float,
    same: str,
    identity: str,
    *,
    warn: bool,
) -> Object:
    namespace, _, name = about.key.partition("/")
    content = "\n".join((about.uid, reason, same))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    moment = datetime.fromtimestamp(at, UTC)
    shown = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{digest}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": MODEL_ROLLOUT.api_version,
            "kind": MODEL_ROLLOUT.kind,
            "name": name,
            "namespace": namespace,
            "uid": about.uid,
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
