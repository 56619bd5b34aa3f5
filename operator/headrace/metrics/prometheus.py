"""The Prometheus adapter of the `Metrics` seam, through prometheus-api-client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import requests as http
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util.retry import Retry

from headrace.engine.observations import Counts, Histogram, Interval, Metric, Problem, Value
from headrace.errors import MetricsUnavailable
from headrace.metrics.clusters import LIVE, MIRROR
from headrace.metrics.increments import Watch, boundaries, bucket_increments, increment
from headrace.metrics.queries import DISAGREEMENTS, clusters_of, query_for
from headrace.metrics.series import Answer, Series, parse_matrix
from headrace.metrics.source import Measured, Request

_SETTLE = 0.25
"""Seconds after which a scrape's samples are surely all visible."""

_LOOK_BACK = 5
"""Intervals before the watermark that are read for the base lines of counters."""

_GONE = 3.0
"""Intervals without a sample after which a target is not waited for."""

_TIMEOUT = 5.0

_MILLISECONDS = {Metric.LATENCY}

Arms = Mapping[str, str]


class PrometheusMetrics:
    """Reads raw counters from a Prometheus server."""

    def __init__(self, url: str) -> None:
        """Make a client.

        Args:
            url: The server's address, such as `http://prometheus:9090`. Nothing is sent yet.
        """
        self._url = url
        self._client = PrometheusConnect(
            url=url, retry=Retry(total=0, read=False), timeout=_TIMEOUT, method="POST"
        )

    def observe(self, requests: Sequence[Request], now: float) -> Mapping[str, Measured]:
        """Read what is new for all rollouts, with one query per kind of counter."""
        measured = {request.rollout: _Collected() for request in requests}
        asked: dict[str, Answer | Problem] = {}
        for metric in Metric:
            wanting = [request for request in requests if metric in request.since]
            if not wanting:
                continue
            window = max(
                now - request.since[metric] + _LOOK_BACK * request.interval for request in wanting
            )
            query = query_for(metric, wanting, window)
            if query not in asked:
                asked[query] = self._ask(query, metric, now)
            answer = asked[query]
            for request in wanting:
                measured[request.rollout].add(metric, request, answer, now)
        return {rollout: collected.result() for rollout, collected in measured.items()}

    def _ask(self, query: str, metric: Metric, now: float) -> Answer | Problem:
        try:
            return self.query(query, now)
        except MetricsUnavailable as error:
            return Problem(metric, "PrometheusUnavailable", str(error))

    def query(self, query: str, now: float) -> Answer:
        """Ask for raw samples.

        Args:
            query: A range selector, such as `name{label="value"}[60s]`.
            now: Where its window ends, Unix seconds.

        Raises:
            MetricsUnavailable: No answer, an error, or nonsense.
        """
        try:
            result = self._client.custom_query(query, params={"time": f"{now:.3f}"})
            return parse_matrix(result)
        except http.exceptions.Timeout as error:
            message = f"Prometheus at {self._url} did not answer within {_TIMEOUT:.0f} s"
            raise MetricsUnavailable(message) from error
        except http.exceptions.RequestException as error:
            message = f"Prometheus at {self._url} cannot be reached ({type(error).__name__})"
            raise MetricsUnavailable(message) from error
        except PrometheusApiClientException as error:
            raise MetricsUnavailable(f"Prometheus refused a query: {str(error)[:300]}") from error
        except (KeyError, TypeError, ValueError) as error:
            message = f"Prometheus at {self._url} answered what is no Prometheus answer: {error}"
            raise MetricsUnavailable(message[:300]) from error


class _Collected:
    """The intervals of one rollout, metric by metric."""

    def __init__(self) -> None:
        self._intervals: list[Interval] = []
        self._watermarks: dict[Metric, float] = {}
        self._problems: list[Problem] = []

    def result(self) -> Measured:
        return Measured(tuple(self._intervals), dict(self._watermarks), tuple(self._problems))

    def add(self, metric: Metric, request: Request, answer: Answer | Problem, now: float) -> None:
        if isinstance(answer, Problem):
            self._problems.append(Problem(metric, answer.reason, answer.message))
            return
        if answer.nonsense and not any(series.samples for series in answer.series):
            message = f"all {answer.nonsense} samples are NaN, infinite or negative"
            self._problems.append(Problem(metric, "NotANumber", message))
            return
        arms = _series_of_arms(metric, request, answer.series)
        since, staleness = request.since[metric], _GONE * request.interval
        ours = [series for group in arms.values() for series in group]
        watch = Watch(answer.series, staleness)
        start = since
        for end in boundaries(ours, since, now - _SETTLE, staleness):
            stable, candidate = (
                _value(metric, arms[arm], start, end, watch, staleness)
                for arm in ("stable", "candidate")
            )
            self._intervals.append(Interval(metric, start, end, stable, candidate))
            start = end
        self._watermarks[metric] = start


def _series_of_arms(
    metric: Metric, request: Request, series: Iterable[Series]
) -> dict[str, list[Series]]:
    arms: dict[str, list[Series]] = {"stable": [], "candidate": []}
    clusters = clusters_of(request)
    for one in series:
        labels = one.labels
        if "envoy_cluster_name" in labels:
            version, kind = clusters.get(labels["envoy_cluster_name"], ("", ""))
        elif labels.get("model") == request.model:
            version, kind = labels.get("version", ""), LIVE
        else:
            continue
        wanted = MIRROR if metric is Metric.MIRRORED and version == request.candidate else LIVE
        if kind != wanted:
            continue
        if version == request.stable:
            arms["stable"].append(one)
        elif version == request.candidate:
            arms["candidate"].append(one)
    return arms


def _value(
    metric: Metric,
    series: Sequence[Series],
    start: float,
    end: float,
    watch: Watch,
    staleness: float,
) -> Value | None:
    if not any(start - staleness < time <= end for one in series for time, _ in one.samples):
        return None
    if metric in (Metric.LATENCY, Metric.SERVER_LATENCY):
        buckets = bucket_increments(series, start, end, watch)
        scale = 1000.0 if metric in _MILLISECONDS else 1.0
        bounds = tuple(round(bound / scale, 9) for bound in buckets)
        return Histogram(bounds, tuple(buckets.values()))
    total = bad = 0.0
    for one in series:
        grown = increment(one, start, end, watch)
        total += grown
        if _is_bad(one.labels):
            bad += grown
    return Counts(bad=min(bad, total), total=total)


def _is_bad(labels: Mapping[str, str]) -> bool:
    return labels.get("envoy_response_code_class") == "5" or labels["__name__"] == DISAGREEMENTS
