"""Follow a rollout to its end. Who judges is the controller; here it is only watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headrace.api import ChallengerRecord, CheckStatus, ModelRollout, Paused, TickRecord
from headrace.api.fields import format_duration
from headrace.delivery.ending import Ending, ending_of, pause_of
from headrace.engine.steps import describe
from headrace.errors import NotFound, TemporaryError

Read = Callable[[], ModelRollout]
"""Gives the resource with its status, or raises NotFound or a TemporaryError."""


@dataclass(frozen=True)
class Followed:
    """What was seen of a rollout until it ended, or until nobody waited any longer.

    Attributes:
        ending: How it ended.
        rollout: As it was seen last; None if it never was.
        records: What was seen, in the order of time.
    """

    ending: Ending
    rollout: ModelRollout | None
    records: tuple[TickRecord, ...]


@dataclass(frozen=True)
class Patience:
    """How long to wait, and for what.

    Attributes:
        timeout: Seconds after which to give up.
        interval: Seconds between two looks, > 0.
        until_paused: Whether a pause, in which it waits for a person, is reason to return.
    """

    timeout: float
    interval: float
    until_paused: bool = False


def follow(
    read: Read,
    version: str,
    patience: Patience,
    say: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Followed:
    """Look at a rollout until the version's way ends.

    A rollout that is not there yet, or does not name the version yet, is waited for: a commit
    takes its time from the repository to the cluster. A server that does not answer is, too.

    Args:
        read: Gives the resource.
        version: Which version.
        patience: How long.
        say: Is told what changes, in sentences.
        clock: Gives Unix seconds.
        sleep: Waits seconds.

    Raises:
        PermanentError: It cannot be read, and never will.
    """
    watcher = _Watcher(version, say)
    deadline = clock() + patience.timeout
    while True:
        ending = watcher.look(read, clock())
        paused = watcher.paused
        if ending is None and patience.until_paused and paused is not None:
            ending = Ending("Paused", paused.reason, paused.message)
        if ending is None and clock() >= deadline:
            within = format_duration(patience.timeout)
            message = f"nothing has come of it within {within}; {watcher.said}"
            ending = Ending("TimedOut", "TimedOut", message)
        if ending is not None:
            say(f"{version}: {ending.outcome}: {ending.message}")
            return Followed(ending, watcher.rollout, tuple(watcher.records))
        sleep(max(0.0, min(patience.interval, deadline - clock())))


class _Watcher:
    """Looks at one rollout again and again, and remembers what it saw."""

    def __init__(self, version: str, say: Callable[[str], None]) -> None:
        self._version, self._say = version, say
        self._named = False
        self.rollout: ModelRollout | None = None
        self.records: list[TickRecord] = []
        self.said = "it was never seen"

    @property
    def paused(self) -> Paused | None:
        """Why the version waits for a person; None if it does not."""
        return None if self.rollout is None else pause_of(self.rollout)

    def look(self, read: Read, now: float) -> Ending | None:
        """Look once, and give the end if there is one."""
        try:
            rollout = read()
        except NotFound as error:
            if self._named:
                return Ending("Deleted", "Deleted", f"{self._version}: the rollout is gone")
            self._tell(f"waiting for it to appear: {error}")
            return None
        except TemporaryError as error:
            self._tell(f"{error} Still waiting.")
            return None
        self.rollout = rollout
        is_named = self._version in (each.version for each in rollout.spec.versions)
        is_known = any(each.version == self._version for each in rollout.status.history)
        self._named = self._named or is_named
        if not self._named and not is_known:
            self._tell(f"{rollout.key} names {rollout.spec.model.version} still")
            return None
        record = snapshot(rollout, now)
        if not self.records or _content(record) != _content(self.records[-1]):
            self.records.append(record)
        traffic = describe(rollout.status.weights.asked)
        self._tell(f"{record.version}: {traffic}: {record.action}: {record.message}")
        return ending_of(rollout, self._version)

    def _tell(self, message: str) -> None:
        if message != self.said:
            self.said = message
            self._say(message)


def snapshot(rollout: ModelRollout, now: float) -> TickRecord:
    """Write down what the resource says now, as the controller's journal does at each tick.

    Args:
        rollout: With its status.
        now: Unix seconds.
    """
    status = rollout.status
    model = status.candidate or status.stable or rollout.spec.model
    decision = status.decision
    goal = status.goal if status.ending is None else None
    return TickRecord(
        time=now,
        phase=status.phase,
        version=model.version,
        step=status.step,
        action=decision.action if decision else "Hold",
        reason=decision.reason if decision else "NotSeenYet",
        message=decision.message if decision else "no controller has looked at it yet",
        asked=status.weights.asked,
        seen=status.weights.seen,
        requests=status.requests,
        checks=_said(status.checks),
        challengers=[
            ChallengerRecord(
                version=each.model.version, requests=each.requests, checks=_said(each.checks)
            )
            for each in status.challengers
        ],
        rewards=goal.arms if goal else [],
        segments=goal.segments_message if goal else "",
    )


def _said(checks: Sequence[CheckStatus]) -> list[CheckStatus]:
    """Leave out the tests' own states, and checks that were not asked yet."""
    return [each.model_copy(update={"state": {}}) for each in checks if each.reason]


def _content(record: TickRecord) -> TickRecord:
    return record.model_copy(update={"time": 0.0})
