"""The Prometheus adapter of the `Metrics` seam, through prometheus-api-client."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from headrace.api import Check
from headrace.engine.observations import Interval, Level, MetricKey, Problem
from headrace.metrics.answers import (
    FAILED,
    MISSING_LABEL,
    NOT_A_NUMBER,
    UNAVAILABLE,
    Client,
    Server,
    Unreadable,
    single_value,
)
from headrace.metrics.arms import SeriesOfArms, series_of_arms
from headrace.metrics.increments import Watch, boundaries
from headrace.metrics.queries import Family, families_of, level_query, query_for
from headrace.metrics.series import Answer, Series, parse_matrix
from headrace.metrics.source import Measured, Request
from headrace.metrics.values import Span, is_binned, is_reference, reference_of, value_of

_SETTLE = 0.25
"""Seconds after which a scrape's samples are surely all visible."""

_LOOK_BACK = 5
"""Intervals before the watermark that are read for the base lines of counters."""

_GONE = 3.0
"""Intervals without a sample after which a target is not waited for."""

TIMEOUT = 5.0
"""Seconds that an answer may take."""

Read = Answer | Unreadable


class PromQLMetrics:
    """Reads raw counters by PromQL.

    Args:
        server: Who answers.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new for all rollouts, with one query per family of counters."""
        answers = self._ask_all(requests, now)
        measured = {}
        for request in requests:
            collected = _Collected(request, now)
            for metric in request.since:
                check = request.queries.get(metric)
                if check is not None and check.query is not None:
                    levels = [self._level(check, request, v, now) for v in request.candidates]
                    collected.add_levels(metric, levels)
                else:
                    collected.add(metric, answers)
            measured[request.rollout] = collected.result()
        return measured

    def _ask_all(self, requests: Sequence[Request], now: float) -> Mapping[object, Read]:
        families: dict[object, list[Family]] = {}
        windows: dict[object, float] = {}
        for request in requests:
            for metric, since in request.since.items():
                window = now - since + _LOOK_BACK * request.interval
                for family in families_of(metric, request).values():
                    families.setdefault(family.key, []).append(family)
                    windows[family.key] = max(window, windows.get(family.key, 0.0))
        return {
            key: self._series(query_for(group, windows[key]), now)
            for key, group in families.items()
        }

    def _series(self, query: str, now: float) -> Read:
        try:
            return self.query(query, now)
        except Unreadable as error:
            return error

    def query(self, query: str, now: float) -> Answer:
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


class _Collected:
    """The intervals of one rollout, metric by metric."""

    def __init__(self, request: Request, now: float) -> None:
        self._request = request
        self._now = now
        self._staleness = _GONE * request.interval
        self._intervals: list[Interval] = []
        self._watermarks: dict[MetricKey, float] = {}
        self._problems: list[Problem] = []
        # What the engine calls each candidate: the first one has no name of its own.
        self._whose = ("", *request.candidates[1:])

    def result(self) -> Measured:
        return Measured(tuple(self._intervals), dict(self._watermarks), tuple(self._problems))

    def add_levels(self, metric: MetricKey, levels: Sequence[float | Unreadable | None]) -> None:
        """Take what a gauge says now of each candidate; there is no past to read."""
        unreadable = next((level for level in levels if isinstance(level, Unreadable)), None)
        if unreadable is not None:
            self._problems.append(Problem(metric, unreadable.reason, str(unreadable)))
            return
        since = self._request.since[metric]
        for level, whose in zip(levels, self._whose, strict=True):
            if isinstance(level, float) and self._now > since:
                looked = Interval(metric, since, self._now, None, Level(level), whose)
                self._intervals.append(looked)
        self._watermarks[metric] = max(since, self._now)

    def add(self, metric: MetricKey, answers: Mapping[object, Read]) -> None:
        """Take what counters did since the watermark."""
        read: dict[str, Answer] = {}
        for role, family in families_of(metric, self._request).items():
            answer = answers[family.key]
            if isinstance(answer, Unreadable):
                self._problems.append(Problem(metric, answer.reason, str(answer)))
                return
            read[role] = answer
        nonsense = sum(answer.nonsense for answer in read.values())
        if nonsense and not any(one.samples for each in read.values() for one in each.series):
            message = f"all {nonsense} samples are NaN, infinite or negative"
            self._problems.append(Problem(metric, NOT_A_NUMBER, message))
            return
        try:
            arms = {
                role: series_of_arms(metric, self._request, answer.series)
                for role, answer in read.items()
            }
            self._cut(metric, arms, [one for each in read.values() for one in each.series])
        except ValueError as error:
            self._problems.append(Problem(metric, MISSING_LABEL, str(error)))

    def _cut(
        self, metric: MetricKey, arms: Mapping[str, SeriesOfArms], everything: Sequence[Series]
    ) -> None:
        references: SeriesOfArms = {}
        if is_binned(metric):
            arms, references = _apart(arms)
        ours = [one for of in arms.values() for group in of.values() for one in group]
        watch = Watch(everything, self._staleness)
        request, start = self._request, self._request.since[metric]
        made = []
        for end in boundaries(ours, start, self._now - _SETTLE, self._staleness):
            span = Span(start, end, watch, self._staleness)
            did = {
                version: value_of(metric, {role: of[version] for role, of in arms.items()}, span)
                for version in (request.stable, *request.candidates)
            }
            stable = did[request.stable]
            for version, whose in zip(request.candidates, self._whose, strict=True):
                reference = reference_of(references.get(version, ()), end)
                candidate = did[version]
                made.append(Interval(metric, start, end, stable, candidate, whose, reference))
            start = end
        self._intervals += made
        self._watermarks[metric] = start


def _apart(arms: Mapping[str, SeriesOfArms]) -> tuple[dict[str, SeriesOfArms], SeriesOfArms]:
    """Set the training data of each version apart from what was served."""
    served: dict[str, SeriesOfArms] = {}
    references: dict[str, list[Series]] = {}
    for role, of in arms.items():
        served[role] = {v: [s for s in some if not is_reference(s)] for v, some in of.items()}
        for version, some in of.items():
            references.setdefault(version, []).extend(s for s in some if is_reference(s))
    return served, references
