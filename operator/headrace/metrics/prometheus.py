"""The Prometheus adapter of the `Metrics` seam, through prometheus-api-client."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from headrace.engine.observations import UNAVAILABLE, MetricKey
from headrace.metrics.access import Access
from headrace.metrics.answers import (
    FAILED,
    NOT_A_NUMBER,
    Client,
    Server,
    Unreadable,
    late,
    single_value,
)
from headrace.metrics.collected import Collected
from headrace.metrics.queries import level_query
from headrace.metrics.reading import Batch, Reading
from headrace.metrics.series import Series, parse_matrix
from headrace.metrics.source import Measured, Request

TIMEOUT = 5.0
"""Seconds that the answers to a tick may take together."""

SETTLE = 0.25
"""Seconds after which a scrape's samples are surely all visible."""

OTHER_CLOCK = 5.0
"""Seconds by which a tick may misjudge Prometheus' clock."""

AT_ONCE = 4
"""Queries that are asked at the same time."""

_Answer = TypeVar("_Answer")
_Look = tuple[str, MetricKey, str]
"""Rollout, metric and candidate."""


class PromQLMetrics:
    """Reads raw counters by PromQL.

    Args:
        server: Who answers.
        timeout: Seconds that the answers to a tick may take together.
        settle: Seconds that a scrape may take. What the first scrape of a new pod shows is lost if
            it takes longer, and every decision waits for so long.

    Attributes:
        asked: How many queries there were, by what came of them: `ok`, or a reason.
    """

    def __init__(self, server: Server, timeout: float = TIMEOUT, settle: float = SETTLE) -> None:
        self._server, self._timeout, self._settle = server, timeout, settle
        self.asked: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prometheus")

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new for all rollouts, with one query per family of counters."""
        end, read_at = time.monotonic() + self._timeout, self.time(now)
        measured = self._observe(requests, read_at, end)
        if abs(self.time(now) - read_at) > OTHER_CLOCK:
            # Only these answers have shown what time it is there.
            measured = self._observe(requests, self.time(now), end)
        return measured

    def meet(self) -> None:
        """Learn what time it is there, before anything is decided; one that is down may be met
        later.
        """
        ask = partial(self._server.ask, "vector(1)", time.time())
        self._gather([ask], time.monotonic() + self._timeout)

    def time(self, now: float) -> float:
        """Give the time by Prometheus' clock; ours as long as no difference is provable."""
        return self._server.time(now)

    def close(self) -> None:
        """Wait for no answer any more, and close the connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._server.close()

    def _observe(
        self, requests: Sequence[Request], now: float, end: float
    ) -> Mapping[str, Measured]:
        """Read once, at this time by Prometheus' clock."""
        reading = Reading(requests, now)
        self._read(reading, end)
        levels = self._levels(requests, now, end)
        measured = {}
        for request in requests:
            collected = Collected(request, now, self._settle)
            for metric in request.since:
                # What was read of a rollout goes as its intervals come: never is all of both there.
                roles = reading.wanted.pop((request.rollout, metric), None)
                if roles is not None:
                    collected.add(metric, roles)
                else:
                    looks = [levels[request.rollout, metric, v] for v in request.candidates]
                    collected.add_levels(metric, looks)
            measured[request.rollout] = collected.result()
        return measured

    def _read(self, reading: Reading, end: float) -> None:
        batches = reading.batches()
        read = []
        for batch, answer in zip(batches, self._series(batches, end), strict=True):
            if isinstance(answer, Unreadable):
                batch.fail(answer)
            else:
                batch.hand_out(answer)
                read.append(batch)
        batches = reading.batches_for_new(read)
        for batch, answer in zip(batches, self._series(batches, end), strict=True):
            if isinstance(answer, Unreadable):
                # Without them nobody knows what was counted before.
                batch.fail(answer)
            else:
                batch.hand_out_earlier(answer)

    def _series(
        self, batches: Sequence[Batch], end: float
    ) -> list[tuple[Series, ...] | Unreadable]:
        return self._gather([partial(self._matrix, batch) for batch in batches], end)

    def _matrix(self, batch: Batch) -> tuple[Series, ...]:
        result = self._server.ask(batch.query, batch.at)
        try:
            return parse_matrix(result)
        except (AttributeError, TypeError, ValueError) as error:
            message = f"{self._server.name} answered what is no Prometheus answer: {error}"
            raise Unreadable(UNAVAILABLE, message) from error

    def _gather(
        self, asks: Sequence[Callable[[], _Answer]], end: float
    ) -> list[_Answer | Unreadable]:
        """Ask several things at once; what is not there in time is late, and not waited for."""
        futures = [self._pool.submit(ask) for ask in asks]
        answers: list[_Answer | Unreadable] = []
        for future in futures:
            try:
                answers.append(future.result(max(0.0, end - time.monotonic())))
            except Unreadable as error:
                answers.append(error)
            except TimeoutError:
                future.cancel()
                answers.append(late(self._server.name, self._timeout))
        for one in answers:
            self.asked[one.reason if isinstance(one, Unreadable) else "ok"] += 1
        return answers

    def _levels(
        self, requests: Sequence[Request], now: float, end: float
    ) -> Mapping[_Look, float | Unreadable | None]:
        """Ask every query of users that gives one number; equal ones once."""
        found: dict[_Look, float | Unreadable | None] = {}
        looks: dict[str, list[_Look]] = {}
        for request in requests:
            for metric, check in request.queries.items():
                if metric not in request.since or check.query is None:
                    continue
                for candidate in request.candidates:
                    look = (request.rollout, metric, candidate)
                    try:
                        query = level_query(check, request, candidate)
                        looks.setdefault(query, []).append(look)
                    except ValueError as error:
                        found[look] = Unreadable(FAILED, f"the query {error}")
        levels = self._gather([partial(self._level, query, now) for query in looks], end)
        for level, those in zip(levels, looks.values(), strict=True):
            found |= dict.fromkeys(those, level)
        return found

    def _level(self, query: str, now: float) -> float | None:
        """Give the one value of a user's query; None for an empty answer."""
        value = single_value(self._server.ask(query, now))
        if value is not None and not math.isfinite(value):
            raise Unreadable(NOT_A_NUMBER, f"the query gives {value}")
        return value


class PrometheusMetrics(PromQLMetrics):
    """Reads raw counters from a Prometheus server.

    Args:
        access: How to reach it, or just its address, such as `http://prometheus:9090`. Nothing is
            sent yet.
        timeout: As of `PromQLMetrics`.
        settle: The same.
    """

    def __init__(
        self, access: Access | str, timeout: float = TIMEOUT, settle: float = SETTLE
    ) -> None:
        access = Access(access) if isinstance(access, str) else access
        super().__init__(Client(access, timeout), timeout, settle)
