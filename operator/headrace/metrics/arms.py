"""Whose counter is it: the version of each series of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headrace.engine.observations import Metric, MetricKey
from headrace.metrics.clusters import LIVE, MIRROR
from headrace.metrics.queries import CLUSTER, clusters_of
from headrace.metrics.series import Series
from headrace.metrics.source import Request

SeriesOfArms = Mapping[str, list[Series]]
"""By version."""


def series_of_arms(metric: MetricKey, request: Request, series: Iterable[Series]) -> SeriesOfArms:
    """Sort the series of an answer by version; those of other rollouts are left out.

    Raises:
        ValueError: A series of a user's counter has no label that says whose it is.
    """
    arms: dict[str, list[Series]] = {v: [] for v in (request.stable, *request.candidates)}
    clusters = clusters_of(request)
    for one in series:
        version = _version(metric, request, one.labels, clusters)
        if version in arms:
            arms[version].append(one)
    return arms


def _version(
    metric: MetricKey,
    request: Request,
    labels: Mapping[str, str],
    clusters: Mapping[str, tuple[str, str]],
) -> str | None:
    check = request.queries.get(metric)
    if check is not None:
        version = labels.get(check.label, "")
        if not version:
            name = labels.get("__name__", "a counter")
            raise ValueError(f"a series of {name} has no label {check.label} to tell its version")
        return version
    if metric in (Metric.REQUESTS, Metric.MIRRORED, Metric.LATENCY):
        version, kind = clusters.get(labels.get(CLUSTER, ""), ("", ""))
        copied = metric == Metric.MIRRORED and version in request.candidates
        return version if kind == (MIRROR if copied else LIVE) else None
    return labels.get("version") if labels.get("model") == request.model else None
