"""One tick for all rollouts of a cluster.

The numbers of all that are due are read at once, then each is judged; what was decided is carried
out while others are judged. The plan is applied at every tick, level-triggered; that costs nothing
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

from headrace.api import ModelRollout
from headrace.controller.asking import CountersOf, request_of
from headrace.controller.carrying import Carrying, Judged, OnCarriedOut, OnTick, OnUndone
from headrace.controller.member import Member
from headrace.controller.members import Members
from headrace.controller.parting import NoParting, Parting
from headrace.controller.refusing import OnRefused, Refusals
from headrace.controller.resources import Resources
from headrace.controller.schedule import AT_REST_SECONDS, next_slot, slot
from headrace.controller.tick import judge
from headrace.controller.tracing import Spans, no_spans
from headrace.engine.observations import Observations
from headrace.errors import HeadraceError
from headrace.metrics.source import Measured, Metrics
from headrace.render.counters import counters_of
from headrace.runtime.platform import Platform

logger = logging.getLogger(__name__)

_NOTHING_READ = Measured()

WORKERS = 8
"""Rollouts whose plans are carried out at the same time: the API server answers in milliseconds,
and one that does not answer must not keep the others waiting."""

LATE = 2.0
"""Seconds at least from a reading of numbers to the next for those that were busy, or not there
yet, and for those with a long past, of which a reading has only a part. If each were read on its
own, it would be the more work the more are late; and a reading that took long is followed by a rest
as long, in which others get on."""

Beside = Callable[[ModelRollout, Observations, float], Observations]
"""Adds what is known beside numbers and servers, at this time; see `Outside.known`."""


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
        self._beside, self._spans = beside, spans
        self._turn = self._rested = self._ticked = 0.0
        parting = parting or NoParting()
        self._carrying = Carrying(
            resources,
            metrics,
            platform,
            parting,
            on_tick=on_tick,
            on_undone=on_undone,
            on_carried_out=on_carried_out,
            may_act=may_act,
            wake=wake,
            workers=workers,
            spans=spans,
        )
        self._refusals = Refusals(resources, parting, self._carrying.pool, may_act, on_refused)
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
        self._carrying.close(self.members.values())

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
            late = (one for one in self.members.values() if one.wants_numbers(now))
            self._carrying.call_back(late)
        free = self._members.free(now)
        for key in changed:
            if key not in free and key in self.members:
                # What it is busy with may be from before that: it is looked at after it.
                self.members[key].looked = 0.0
        numbers = self._read_numbers(free, now, turn=turn)
        with self._carrying.judging():
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
        self._carrying.settle(list(self.members.values()), timeout)
        self._refusals.settle(deadline)

    def _intervals(self) -> Iterable[float]:
        under_test = (m for m in self.members.values() if not m.is_at_rest)
        return {member.resource.rollout.spec.analysis.interval for member in under_test}

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
                self._carrying.tell(member, error)
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
            self._carrying.tell(member, error)
            return
        except Exception:
            # A fault of ours in one rollout must not end the judgement of all the others.
            logger.exception("%s could not be judged; it stays as it is", rollout.key)
            return
        judged = Judged(member, rollout, answer, now, self._ticked, time.monotonic())
        self._carrying.begin(judged)
