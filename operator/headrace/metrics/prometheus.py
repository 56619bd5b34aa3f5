"""The Prometheus adapter of the `Metrics` seam, through prometheus-api-client."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from headrace.api import Check
from headrace.engine.observations import MetricKey
from headrace.metrics.answers import (
    FAILED,
    NOT_A_NUMBER,
    UNAVAILABLE,
    Client,
    Server,
    Unreadable,
    single_value,
)
from headrace.metrics.arms import Share, share_out
from headrace.metrics.collected import Collected
from headrace.metrics.queries import Family, counters_for, family_of, level_query, query_for
from headrace.metrics.series import Series, parse_matrix
from headrace.metrics.source import Measured, Request

_LOOK_BACK = 5
"""Intervals before the watermark that are read for the base lines of counters."""

TIMEOUT = 5.0
"""Seconds that an answer may take."""


class PromQLMetrics:
    """Reads raw counters by PromQL.

    Args:
        server: Who answers.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new for all rollouts, with one query per family of counters."""
        wanted = _Wanted(requests, now)
        failed = {family: self._read(wanted, family, now) for family in wanted.families}
        measured = {}
        for request in requests:
            collected = Collected(request, now)
            for metric in request.since:
                check = request.queries.get(metric)
                if check is not None and check.query is not None:
                    levels = [self._level(check, request, v, now) for v in request.candidates]
                    collected.add_levels(metric, levels)
                    continue
                shares = wanted.shares[request.rollout, metric]
                errors = (failed.get(family_of(share.counters)) for share in shares.values())
                error = next((error for error in errors if error is not None), None)
                if error is None:
                    collected.add(metric, shares)
                else:
                    collected.add_problem(metric, error)
            measured[request.rollout] = collected.result()
        return measured

    def _read(self, wanted: _Wanted, family: Family, now: float) -> Unreadable | None:
        """Ask for a family and share the answer out; give the reason if there is none."""
        shares = wanted.families[family]
        query = query_for((share.counters for share in shares), wanted.windows[family])
        try:
            share_out(self.query(query, now), shares)
        except Unreadable as error:
            return error
        return None

    def query(self, query: str, now: float) -> tuple[Series, ...]:
        """Ask for raw samples.

        Args:
            query: A range selector, such as `name{label="value"}[60s]`.
            now: Where its window ends, Unix seconds.

        Raises:
            MetricsUnavailable: No answer, an error, or nonsense.
        """
        result = self._server.ask(query, now)
        try:
            return parse_matrix(result)
        except (AttributeError, TypeError, ValueError) as error:
            message = f"{self._server.name} answered what is no Prometheus answer: {error}"
            raise Unreadable(UNAVAILABLE, message) from error

    def _level(
        self, check: Check, request: Request, candidate: str, now: float
    ) -> float | Unreadable | None:
        """Give the one value of a user's query; None for an empty answer."""
        try:
            query = level_query(check, request, candidate)
            value = single_value(self._server.ask(query, now))
        except Unreadable as error:
            return error
        except ValueError as error:
            return Unreadable(FAILED, f"the query {error}")
        if value is not None and not math.isfinite(value):
            return Unreadable(NOT_A_NUMBER, f"the query gives {value}")
        return value


class PrometheusMetrics(PromQLMetrics):
    """Reads raw counters from a Prometheus server.

    Args:
        url: The server's address, such as `http://prometheus:9090`. Nothing is sent yet.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        super().__init__(Client(url, timeout))


class _Wanted:
    """Who wants which counters: by rollout and metric, and by family to ask for them at once."""

    def __init__(self, requests: Sequence[Request], now: float) -> None:
        self.shares: dict[tuple[str, MetricKey], dict[str, Share]] = {}
        self.families: dict[Family, list[Share]] = {}
        self.windows: dict[Family, float] = {}
        for request in requests:
            for metric, since in request.since.items():
                check = request.queries.get(metric)
                if check is not None and check.query is not None:
                    continue
                shares = {r: Share(c) for r, c in counters_for(metric, request).items()}
                self.shares[request.rollout, metric] = shares
                window = now - since + _LOOK_BACK * request.interval
                for share in shares.values():
                    if not share.counters.versions:
                        continue
                    family = family_of(share.counters)
                    self.families.setdefault(family, []).append(share)
                    self.windows[family] = max(window, self.windows.get(family, 0.0))
