"""One tick for all rollouts of a cluster.

The numbers of all that are due are read at once, then each is judged. A status that decides
something is written before anything is done about it, and the write fails if anybody else has
changed the resource: so a controller that was killed goes on from what was decided, and of two
controllers only one acts. The plan is applied at every tick, level-triggered; that costs nothing
while the world is as it should be.

An API server that cannot keep up makes rollouts slow, and nothing else: what was decided at a tick
and has not begun by the next is judged anew, with what is known by then. So no weight is raised by
numbers that are older than a tick, and numbers are read together however late some rollouts are.
Who has waited longest is first, and a way back waits for no way forward.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from headrace.api import ModelRollout, Status
from headrace.controller.asking import CountersOf, request_of
from headrace.controller.member import Member
from headrace.controller.members import Members
from headrace.controller.parting import NoParting, Parting
from headrace.controller.refusing import OnRefused, Refusals
from headrace.controller.resources import Resources
from headrace.controller.schedule import AT_REST_SECONDS, LATER, next_slot, slot
from headrace.controller.tick import judge
from headrace.controller.tracing import Spans, no_spans
from headrace.controller.writing import is_due
from headrace.engine.arrival import arrived
from headrace.engine.decision import Tick
from headrace.engine.observations import Observations
from headrace.errors import Conflict, HeadraceError, NotFound, PlatformUnavailable, TemporaryError
from headrace.metrics.source import Measured, Metrics
from headrace.render.counters import counters_of
from headrace.runtime.platform import Platform

logger = logging.getLogger(__name__)

_NOTHING_READ = Measured()

WORKERS = 8
"""Rollouts whose plans are carried out at the same time: the API server answers in milliseconds,
and one that does not answer must not keep the others waiting."""


UNDER_WAY = 1.0
"""Seconds that a tick waits at most for what has begun: it takes milliseconds, and numbers that are
read before its end are not for the weights that it sets."""

LATE = 2.0
"""Seconds at least from a reading of numbers to the next for those that were busy, or not there
yet, and for those with a long past, of which a reading has only a part. If each were read on its
own, it would be the more work the more are late; and a reading that took long is followed by a rest
as long, in which others get on."""

SOON = 0.2
"""Seconds after which something is tried again that was in nobody's way for long."""

_MOST_DOUBLINGS = 10

OnTick = Callable[[ModelRollout, Tick], None]
"""Is told of a tick that was carried out: the rollout as it was judged, the engine's answer."""

Beside = Callable[[ModelRollout, Observations, float], Observations]
"""Adds what is known beside numbers and servers, at this time; see `Outside.known`."""

OnCarriedOut = Callable[[float], None]
"""Is told how many seconds it took from a decision until it was carried out."""

OnUndone = Callable[[ModelRollout, str], None]
"""Is told of a rollout whose status was put back, and why, in a sentence."""


class Fleet:
    """Judges all rollouts and carries out what was decided."""

    def __init__(
        self,
        resources: Resources,
        metrics: Metrics,
        platform: Platform,
        *,
        counters_of: CountersOf = counters_of,
        beside: Beside = lambda rollout, observations, now: observations,
        parting: Parting | None = None,
        on_tick: OnTick = lambda rollout, answer: None,
        on_undone: OnUndone = lambda rollout, message: None,
        on_refused: OnRefused = lambda resource: None,
        on_carried_out: OnCarriedOut = lambda seconds: None,
        may_act: Callable[[], bool] = lambda: True,
        wake: Callable[[], None] = lambda: None,
        workers: int = WORKERS,
        spans: Spans = no_spans,
    ) -> None:
        """Start nothing yet.

        Args:
            resources: Keeps the rollouts.
            metrics: Where the numbers come from.
            platform: Where the versions run.
            counters_of: Names the counters of the routers.
            beside: Adds what is known beside numbers and servers.
            parting: What is done before a resource that is deleted may go; None for nothing.
            on_tick: Is told of every tick that was carried out, from any thread.
            on_undone: Is told of a status that somebody had written over, from any thread.
            on_refused: Is told of what cannot be read, from the thread that ticks.
            on_carried_out: Is told of everything that was carried out, from any thread.
            may_act: Whether this process still leads; asked before every write.
            wake: Is called when a tick is due at once, from any thread.
            workers: Rollouts that are carried out at the same time.
            spans: Times what is done.
        """
        self._resources, self._metrics, self._platform = resources, metrics, platform
        self._counters_of = counters_of
        self._beside, self._parting = beside, parting or NoParting()
        self._on_tick, self._may_act, self._wake = on_tick, may_act, wake
        self._on_undone, self._on_carried_out, self._spans = on_undone, on_carried_out, spans
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="rollout")
        self._way_back = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="way-back")
        self._turn = self._rested = self._ticked = 0.0
        self._refusals = Refusals(resources, self._parting, self._pool, may_act, on_refused)
        self._members = Members(resources, self._refusals)

    @property
    def members(self) -> Mapping[str, Member]:
        """All rollouts by `namespace/name`, to be looked at only."""
        return self._members.by_key

    @property
    def refused(self) -> Mapping[str, str]:
        """Why rollouts cannot be read, by `namespace/name`, to be looked at only."""
        return self._refusals.messages

    def close(self) -> None:
        """Wait for what is being carried out."""
        self._pool.shutdown(wait=True)
        self._way_back.shutdown(wait=True)

    def tick(self, now: float, changed: Collection[str] = ()) -> float:
        """Judge what is due; returns when everything is decided, not when all is done.

        Args:
            now: Unix seconds.
            changed: Rollouts in whose world something has changed: looked at without numbers.

        Returns:
            When the next tick is due, Unix seconds.
        """
        turn, self._ticked = now >= self._turn, time.monotonic()
        if turn:
            self._call_back(now)
        free = self._members.free(now)
        for key in changed:
            if key not in free and key in self.members:
                # What it is busy with may be from before that: it is looked at after it.
                self.members[key].looked = 0.0
        numbers = self._read_numbers(free, now, turn=turn)
        for key, member in free.items():
            if key in numbers or key in changed or member.wants_look(now):
                member.looked = now
                self._judge(member, numbers.get(key, _NOTHING_READ), now)
        waiting = [member.again for member in self.members.values() if member.again > now]
        waiting.append(self._refusals.patience_ends)
        if any(member.wants_numbers(now) for member in free.values()):
            waiting.append(self._rested)
        self._turn = next_slot(now, self._intervals())
        return min(self._turn, *waiting, now + AT_REST_SECONDS)

    def settle(self, timeout: float) -> None:
        """Wait until all that was decided is carried out, at most so many seconds."""
        deadline = time.monotonic() + timeout
        for member in list(self.members.values()):
            if member.acting is not None:
                member.acting.result(max(0.0, deadline - time.monotonic()))
        self._refusals.settle(deadline)

    def _intervals(self) -> Iterable[float]:
        under_test = (m for m in self.members.values() if not m.is_at_rest)
        return {member.resource.rollout.spec.analysis.interval for member in under_test}

    def _call_back(self, now: float) -> None:
        """Leave what was decided before these numbers and has not begun; wait for what has."""
        begun = []
        for member in self.members.values():
            if member.acting is None or not member.wants_numbers(now):
                continue
            if member.acting.cancel():
                member.acting = None
            else:
                begun.append(member.acting)
        wait(begun, UNDER_WAY)

    def _read_numbers(
        self, free: Mapping[str, Member], now: float, *, turn: bool
    ) -> Mapping[str, Measured]:
        """Give the numbers of those that are to be judged by them now.

        Args:
            free: Those that can be judged.
            now: Unix seconds.
            turn: Whether an interval begins: without numbers they are judged then, too.
        """
        due = {key: member for key, member in free.items() if member.wants_numbers(now)}
        if not due or (now < self._rested and not turn):
            return {}
        began = time.monotonic()
        measured = self._measure(due.values(), now)
        took = time.monotonic() - began
        self._rested = now + took + max(LATE, took)
        numbers = {key: measured.get(key, _NOTHING_READ) for key in due}
        for key, read in numbers.items():
            if not read.is_behind:
                interval = due[key].resource.rollout.spec.analysis.interval
                due[key].judged = slot(now, interval)
        return {key: read for key, read in numbers.items() if turn or not read.is_behind}

    def _measure(self, members: Iterable[Member], now: float) -> Mapping[str, Measured]:
        wanted, there = [], self._metrics.time(now)
        for member in members:
            try:
                request = request_of(member.rollout, there, self._counters_of)
            except HeadraceError as error:
                self._tell(member, error)
                continue
            if request is not None:
                wanted.append(request)
        if not wanted:
            return {}
        with self._spans("observe", rollouts=str(len(wanted))):
            return self._metrics.observe(wanted, now)

    def _judge(self, member: Member, read: Measured, now: float) -> None:
        rollout, resource = member.rollout, member.resource
        # What was counted goes by their clock, and is judged by no other.
        there = self._metrics.time(now)
        try:
            with self._spans("judge", rollout=rollout.key):
                answer = judge(
                    rollout,
                    read,
                    self._platform,
                    there,
                    resource.ask,
                    self._counters_of,
                    lambda observations: self._beside(rollout, observations, there),
                    resource.deleting,
                )
        except HeadraceError as error:
            self._tell(member, error)
            return
        except Exception:
            # A fault of ours in one rollout must not end the judgement of all the others.
            logger.exception("%s could not be judged; it stays as it is", rollout.key)
            return
        # Its spans belong to this tick.
        run, decided = copy_context().run, time.monotonic()
        pool = self._way_back if answer.plan.retreating else self._pool
        acting = pool.submit(run, self._carry_out, member, rollout, answer, now, self._ticked)
        member.acting = acting
        acting.add_done_callback(lambda ended: self._carried_out(ended, member, decided))

    def _carried_out(self, ended: Future[None], member: Member, decided: float) -> None:
        if ended.cancelled():
            return
        if (fault := ended.exception()) is not None:
            logger.error("%s could not be carried out", member.rollout.key, exc_info=fault)
        self._on_carried_out(time.monotonic() - decided)
        if not member.looked:
            self._wake()

    def _carry_out(
        self, member: Member, rollout: ModelRollout, answer: Tick, now: float, ticked: float
    ) -> None:
        member.carried_out = time.monotonic()
        try:
            self._write(member, answer.status, self._metrics.time(now))
        except (Conflict, NotFound):
            # It is judged again at once, with what was changed.
            self._try_again(member, now, SOON)
            return
        except HeadraceError as error:
            # Nothing is decided, then: the next tick reads the same numbers again.
            self._tell(member, error)
            self._try_again(member, now, _pause(error))
            return
        changed = False
        try:
            if self._may_act():
                changed = self._apply(member, answer, self._metrics.time(now))
            member.trouble, member.failures = "", 0
            if member.is_at_rest and (rollout.status.candidate is not None or answer.is_new):
                # Another version may wait for this, and nothing in the world would tell.
                member.looked = 0.0
        except HeadraceError as error:
            # The next tick asks for the same plan.
            self._tell(member, error)
            self._try_again(member, now, _pause(error))
        self._on_tick(member.rollout, answer)
        if changed:
            self._look_back(member, now + time.monotonic() - ticked)

    def _apply(self, member: Member, answer: Tick, now: float) -> bool:
        """Carry out a plan, and tell whether anything new is to be seen by that."""
        with self._spans("apply", rollout=member.rollout.key):
            changed = self._platform.apply(member.rollout, answer.plan)
        if not answer.farewell:
            return changed
        if self._parting.part(member.rollout, answer.plan, now):
            self._resources.let_go(member.resource)
        elif changed:
            member.looked = 0.0
        return False  # of what is gone nothing is to be seen

    def _look_back(self, member: Member, now: float) -> None:
        """Note that users have moved as they should; anything else is looked at by the next tick.

        A tick of its own for each would look at the whole fleet as often as it has rollouts.
        """
        rollout = member.rollout
        try:
            world, there = self._platform.observe(rollout), self._metrics.time(now)
            moved = arrived(rollout.spec, rollout.status, world, there)
        except HeadraceError as error:
            self._tell(member, error)
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

    def _tell(self, member: Member, error: HeadraceError) -> None:
        if member.trouble != str(error):
            member.trouble = str(error)
            logger.warning("%s: %s", member.resource.rollout.key, error)


def _pause(error: HeadraceError) -> float:
    """Give the seconds to wait after something did not work."""
    return max(SOON, error.retry_after) if isinstance(error, TemporaryError) else LATER
