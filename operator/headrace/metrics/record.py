"""Records what a Prometheus has counted for a rollout, with the selectors of the controller."""

from __future__ import annotations

import math
from collections.abc import Iterator

from headrace.api import Check, ModelRollout
from headrace.engine.checks.build import queries_of
from headrace.engine.counters import Counters
from headrace.engine.observations import UNAVAILABLE
from headrace.engine.strategies.build import metrics_of
from headrace.errors import InvalidInput
from headrace.metrics.answers import SEVERAL_SERIES, Server, Unreadable
from headrace.metrics.clusters import CLUSTER, ENVOY_ANSWERS, local_counters
from headrace.metrics.queries import Family, counters_for, family_of, level_query, query_for
from headrace.metrics.recording import RawSeries, Recording, Samples, merged
from headrace.metrics.source import Request

_AT_ONCE = 3600.0
"""Seconds that are asked for with one query, so that none is too large for the server."""


def request_of(rollout: ModelRollout, stable: str, since: float) -> Request:
    """Ask for everything that a rollout can use.

    Args:
        rollout: Whose spec names the candidates.
        stable: The version that has the users.
        since: Unix seconds.

    Raises:
        InvalidInput: The spec names no other version than stable.
    """
    spec = rollout.spec
    candidates = tuple(model.version for model in spec.versions if model.version != stable)
    if not candidates:
        raise InvalidInput(
            f"{rollout.key} names no version but {stable}, which is the stable one: "
            "nothing is under test."
        )
    return Request(
        rollout=rollout.key,
        model=spec.model.name,
        stable=stable,
        candidates=candidates,
        since=dict.fromkeys(metrics_of(spec), since),
        interval=spec.analysis.interval,
        counters=local_counters(rollout.key, stable, candidates),
        queries=queries_of(spec.analysis),
    )


def record(server: Server, request: Request, first: float, last: float, step: float) -> Recording:
    """Read raw counters, as they were scraped, and what the queries of `Value` checks gave.

    Args:
        server: Who answers.
        request: Of which rollout.
        first: Unix seconds.
        last: Unix seconds, later.
        step: Seconds between two looks at a `Value`, > 0. Counters come with every scrape.

    Raises:
        MetricsUnavailable: No answer, an error, or nonsense.
    """
    families: dict[Family, list[Counters]] = {}
    parts = [Recording(request.rollout, request.stable)]
    for metric in request.since:
        check = request.queries.get(metric)
        if check is not None and check.query is not None:
            queries = [_rendered(check, request, candidate) for candidate in request.candidates]
            parts += [_levels(server, query, first, last, step) for query in queries]
        else:
            for counters in counters_for(metric, request).values():
                families.setdefault(family_of(counters), []).append(counters)
    for family in families.values():
        for seconds, end in _windows(first, last):
            parts.append(_ranges(server, query_for(family, seconds), end))
    return merged(parts)


def seen_versions(server: Server, rollout: str, first: float, last: float) -> tuple[str, ...]:
    """Name the versions of a rollout that a router has counted in a range.

    Raises:
        MetricsUnavailable: No answer, an error, or nonsense.
    """
    selector = f'{ENVOY_ANSWERS}{{{CLUSTER}=~"{rollout}/.+"}}'
    found: dict[str, None] = {}
    for seconds, end in _windows(first, last):
        for one in _ranges(server, f"{selector}[{seconds}s]", end).series:
            _, version, _ = one.labels[CLUSTER].rsplit("/", 2)
            found[version.replace("~", ".")] = None
    return tuple(sorted(found))


def _windows(first: float, last: float) -> Iterator[tuple[int, float]]:
    """Cut a range into seconds and ends."""
    count = max(1, math.ceil((last - first) / _AT_ONCE))
    width = (last - first) / count
    for index in range(count):
        yield math.ceil(width), first + (index + 1) * width


def _ranges(server: Server, query: str, end: float) -> Recording:
    series = []
    for entry in server.ask(query, end):
        try:
            times = [float(time) for time, _ in entry["values"]]
            values = [float(text) for _, text in entry["values"]]
            series.append(RawSeries({**entry["metric"]}, Samples.of(times, values)))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{server.name} answered what is no matrix of raw samples: {error!r}"
            raise Unreadable(UNAVAILABLE, message) from error
    return Recording(series=series)


def _rendered(check: Check, request: Request, candidate: str) -> str:
    try:
        return level_query(check, request, candidate)
    except ValueError as error:
        raise InvalidInput(f"{check.name}: the query {error}.") from error


def _levels(server: Server, query: str, first: float, last: float, step: float) -> Recording:
    """Ask a query at every step of a range."""
    parts = [Samples.of([], [])]
    every = max(1, round(1000 * step))
    for seconds, end in _windows(first, last):
        found = _ranges(server, f"({query})[{seconds}s:{every}ms]", end).series
        if len(found) > 1:
            message = f"{query} gives {len(found)} series where one is expected"
            raise Unreadable(SEVERAL_SERIES, message)
        parts += [one.samples for one in found]
    return Recording(levels={query: Samples.joined(parts)})
