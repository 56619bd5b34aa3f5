"""Carries out what was decided for rollouts, many at a time, while others are judged.

A status that decides something is written before anything is done about it, and the write fails if
anybody else has changed the resource: so a controller that was killed goes on from what was
decided, and of two controllers only one acts.

Users whom the numbers take from a candidate do not wait for that: they are taken back first, all of
a fleet before any status says so. The router's object says why until then, so that who is killed
between the two goes on from it; and it is only written over the one that was seen.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass

from headrace.api import ModelRollout, Status
from headrace.controller.member import Member
from headrace.controller.parting import Parting
from headrace.controller.precedence import Precedence
from headrace.controller.resources import Resources
from headrace.controller.schedule import LATER
from headrace.controller.tracing import Spans
from headrace.controller.writing import is_due
from headrace.engine.arrival import arrived
from headrace.engine.decision import Tick
from headrace.engine.retreats import UNDER_TEST
from headrace.errors import Conflict, HeadraceError, NotFound, PlatformUnavailable, TemporaryError
from headrace.metrics.source import Metrics
from headrace.runtime.platform import Platform

logger = logging.getLogger(__name__)

UNDER_WAY = 1.0
"""Seconds that a tick waits at most for what has begun: it takes milliseconds, and numbers that are
read before its end are not for the weights that it sets."""

SOON = 0.2
"""Seconds after which something is tried again that was in nobody's way for long."""

USERS_FIRST = 5.0
"""Seconds that a status waits at most, from its decision, for the users of other rollouts: a route
that is not answered for must not keep all statuses."""

_MOST_DOUBLINGS = 10

OnTick = Callable[[ModelRollout, Tick], None]
"""Is told of a tick that was carried out: the rollout as it was judged, the engine's answer."""

OnCarriedOut = Callable[[float], None]
"""Is told how many seconds it took from a decision until it was carried out."""

OnUndone = Callable[[ModelRollout, str], None]
"""Is told of a rollout whose status was put back, and why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided for a rollout.

    Attributes:
        member: Whose.
        rollout: As it was judged.
        answer: The engine's.
        now: When its tick began, Unix seconds.
        ticked: The same, in seconds that only grow.
        decided: When it was decided, in seconds that only grow.
    """

    member: Member
    rollout: ModelRollout
    answer: Tick
    now: float
    ticked: float
    decided: float


class Carrying:
    """Writes statuses and applies plans. Of one rollout, one thing at a time is carried out."""

    def __init__(
        self,
        resources: Resources,
        metrics: Metrics,
        platform: Platform,
        parting: Parting,
        *,
        on_tick: OnTick,
        on_undone: OnUndone,
        on_carried_out: OnCarriedOut,
        may_act: Callable[[], bool],
        wake: Callable[[], None],
        workers: int,
        spans: Spans,
    ) -> None:
        """Start nothing yet; the arguments are those of `Fleet`."""
        self._resources, self._metrics, self._platform = resources, metrics, platform
        self._parting = parting
        self._on_tick, self._on_undone, self._on_carried_out = on_tick, on_undone, on_carried_out
        self._may_act, self._wake, self._spans = may_act, wake, spans
        self.pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="rollout")
        self._lock = threading.Lock()
        self._way_back = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="way-back")
        self._records = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="record")
        self._users = Precedence()

    def judging(self) -> AbstractContextManager[None]:
        """Have statuses of candidates that have lost their users wait for those of one tick."""
        return self._users.urgent()

    def begin(self, judged: Judged) -> None:
        """Have something carried out; its member is busy until that is done."""
        answer = judged.answer
        if not answer.plan.retreating:
            self._submit(self.pool, self._carry_out, judged)
        elif judged.rollout.status.phase in UNDER_TEST and not answer.status.ended_by:
            self._users.begin()
            self._submit(self._way_back, self._take_back, judged, is_all=False)
        else:
            self._submit(self._way_back, self._carry_out, judged)

    def call_back(self, members: Iterable[Member]) -> None:
        """Leave what has not begun, and wait a while for what has."""
        begun = []
        for member in members:
            # First who acts: it may go on to the status of users that are back at any moment.
            acting = member.acting
            if acting is None:
                continue
            if not member.taken_back and acting.cancel():
                member.acting = None
            else:
                begun.append(acting)
        wait(begun, UNDER_WAY)

    def settle(self, members: Iterable[Member], timeout: float) -> None:
        """Wait until all is carried out, at most so many seconds.

        Raises:
            TimeoutError: It took longer.
        """
        deadline = time.monotonic() + timeout
        for member in members:
            acting = None
            while acting is not member.acting:
                acting = member.acting
                if acting is not None:
                    acting.result(max(0.0, deadline - time.monotonic()))

    def close(self, members: Iterable[Member]) -> None:
        """Wait for what is being carried out; nothing is begun after that."""
        for member in members:
            while member.acting is not None and not member.acting.done():
                wait([member.acting])
        self.pool.shutdown(wait=True)
        self._way_back.shutdown(wait=True)
        self._records.shutdown(wait=True)

    def tell(self, member: Member, error: HeadraceError) -> None:
        """Say once what is in the way of a rollout."""
        if member.trouble != str(error):
            member.trouble = str(error)
            logger.warning("%s: %s", member.resource.rollout.key, error)

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        job: Callable[[Judged], None],
        judged: Judged,
        *,
        is_all: bool = True,
    ) -> None:
        with self._lock:  # A job may submit the next one before its own is noted.
            # Its spans belong to the tick that is at hand.
            acting = pool.submit(copy_context().run, job, judged)
            judged.member.acting = acting
        acting.add_done_callback(lambda ended: self._ended(ended, judged, is_all=is_all))

    def _ended(self, ended: Future[None], judged: Judged, *, is_all: bool) -> None:
        member = judged.member
        if ended.cancelled():
            if not is_all:
                self._users.done()
            return
        if (fault := ended.exception()) is not None:
            logger.error("%s could not be carried out", member.rollout.key, exc_info=fault)
        if not is_all:
            return
        self._on_carried_out(time.monotonic() - judged.decided)
        if not member.looked:
            self._wake()

    def _take_back(self, judged: Judged) -> None:
        """Give a candidate's users to stable, and write why when all others have theirs."""
        member, answer = judged.member, judged.answer
        member.carried_out = time.monotonic()
        try:
            decided = judged.rollout.model_copy(update={"status": answer.status})
            if self._may_act():
                with self._spans("apply", rollout=decided.key):
                    self._platform.take_back(decided, answer.plan)
        except HeadraceError as error:
            # It is applied again with all that is written.
            self.tell(member, error)
        except Exception:
            logger.exception("users of %s could not be taken back yet", member.rollout.key)
        finally:
            self._users.done()
        member.taken_back = True
        self._submit(self._records, self._record, judged)

    def _record(self, judged: Judged) -> None:
        self._users.wait(judged.decided + USERS_FIRST)
        self._carry_out(judged)

    def _carry_out(self, judged: Judged) -> None:
        member, rollout, answer = judged.member, judged.rollout, judged.answer
        now, changed = judged.now, member.taken_back
        member.carried_out, member.taken_back = time.monotonic(), False
        try:
            self._write(member, answer.status, self._metrics.time(now))
        except (Conflict, NotFound):
            # It is judged again at once, with what was changed.
            self._try_again(member, now, SOON)
            return
        except HeadraceError as error:
            # Nothing is decided, then: the next tick reads the same numbers again.
            self.tell(member, error)
            self._try_again(member, now, _pause(error))
            return
        try:
            if self._may_act():
                changed |= self._apply(member, answer, self._metrics.time(now))
            member.trouble, member.failures = "", 0
            if member.is_at_rest and (rollout.status.candidate is not None or answer.is_new):
                # Another version may wait for this, and nothing in the world would tell.
                member.looked = 0.0
        except HeadraceError as error:
            # The next tick asks for the same plan.
            self.tell(member, error)
            self._try_again(member, now, _pause(error))
        self._on_tick(member.rollout, answer)
        if changed and not answer.farewell:
            self._look_back(member, now + time.monotonic() - judged.ticked)

    def _apply(self, member: Member, answer: Tick, now: float) -> bool:
        """Carry out a plan, and tell whether anything is other than it was."""
        with self._spans("apply", rollout=member.rollout.key):
            changed = self._platform.apply(member.rollout, answer.plan)
        if answer.farewell:
            if self._parting.part(member.rollout, answer.plan, now):
                self._resources.let_go(member.resource)
            elif changed:
                member.looked = 0.0
        return changed

    def _look_back(self, member: Member, now: float) -> None:
        """Note that users have moved as they should; anything else is looked at by the next tick.

        A tick of its own for each would look at the whole fleet as often as it has rollouts.
        """
        rollout = member.rollout
        try:
            world, there = self._platform.observe(rollout), self._metrics.time(now)
            moved = arrived(rollout.spec, rollout.status, world, there)
        except HeadraceError as error:
            self.tell(member, error)
            moved = None
        if moved is None:
            member.looked = 0.0
        else:
            member.status = moved

    def _write(self, member: Member, status: Status, now: float) -> None:
        """Write a status if that is due; this is then the member's."""
        kept = member.resource.rollout.status
        if member.undone or is_due(kept, status, now):
            if not self._may_act():
                raise PlatformUnavailable("another controller leads now")
            writes = max(kept.writes, status.writes) + 1
            status = status.model_copy(update={"writes": writes, "written": now})
            said = {} if status.decision is None else {"reason": status.decision.reason}
            with self._spans("write", rollout=member.resource.rollout.key, **said):
                member.resource = self._resources.write(member.resource, status)
        member.status = status
        if member.undone:
            fields, member.undone = ", ".join(dict.fromkeys(member.undone)), ()
            message = f"somebody has written over the status ({fields}); it was put back"
            self._on_undone(member.rollout, message)

    def _try_again(self, member: Member, now: float, pause: float) -> None:
        """Have it judged again after a pause, which doubles as long as it does not work."""
        member.judged, member.looked = -1, 0.0
        member.again = now + min(LATER, pause * 2**member.failures)
        member.failures = min(member.failures + 1, _MOST_DOUBLINGS)
        self._wake()


def _pause(error: HeadraceError) -> float:
    """Give the seconds to wait after something did not work."""
    return max(SOON, error.retry_after) if isinstance(error, TemporaryError) else LATER
