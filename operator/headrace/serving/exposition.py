"""The server's second port: `/metrics` for Prometheus and `/answers` for the comparator.

It is not seldon-core's metrics port, whose counters go through another process on every request
and drop rewards of zero.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.utils import floatToGoString

from headrace.errors import SetupError
from headrace.serving.answers import AnswersPage
from headrace.serving.counters import HistogramSample, Sample

PageMaker = Callable[[Mapping[str, list[str]]], "PageBody"]


@dataclass(frozen=True)
class PageBody:
    """One HTTP answer of this port."""

    content: bytes
    type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK


class SampleCollector:
    """Hands samples to prometheus_client when it is asked for them, and never before.

    Args:
        samples: Gives all samples of one moment.
    """

    def __init__(self, samples: Callable[[], list[Sample]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Any]:
        """Give one family for each name."""
        families: dict[str, Any] = {}
        for sample in self._samples():
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = _family(sample)
            values = list(sample.labels.values())
            if isinstance(sample, HistogramSample):
                family.add_metric(values, _buckets(sample), sample.total)
            else:
                family.add_metric(values, sample.value)
        yield from families.values()


def metrics_page(samples: Callable[[], list[Sample]]) -> PageMaker:
    """Make the page that Prometheus scrapes, with this process's memory and CPU time on it."""
    registry = CollectorRegistry()
    registry.register(SampleCollector(samples))
    ProcessCollector(registry=registry)

    def page(_: Mapping[str, list[str]]) -> PageBody:
        return PageBody(generate_latest(registry), CONTENT_TYPE_LATEST)

    return page


def answers_page(answers: Callable[[int], AnswersPage]) -> PageMaker:
    """Make the page that a comparator reads: `/answers?after=<sequence number>`."""

    def page(query: Mapping[str, list[str]]) -> PageBody:
        after = query.get("after", ["0"])[-1]
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            text = {"error": f"after is {after[:40]!r}; expected a sequence number."}
            return _json(text, HTTPStatus.BAD_REQUEST)
        return _json(answers(int(after)).to_document())

    return page


def _json(document: object, status: HTTPStatus = HTTPStatus.OK) -> PageBody:
    return PageBody(json.dumps(document, allow_nan=False).encode(), status=status)


def serve(host: str, port: int, pages: Mapping[str, PageMaker]) -> int:
    """Serve pages from a thread until the process ends.

    Args:
        host: The address to bind.
        port: The port to bind; 0 takes a free one.
        pages: What makes the page of each path, from the query's parameters.

    Returns:
        The port.

    Raises:
        SetupError: The port cannot be had.
    """

    class Handler(_Handler):
        page_makers = pages

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"The metrics port {host}:{port} cannot be had ({error}): another process has it. "
            "Set HEADRACE_METRICS_PORT to a free one, or to 0."
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    page_makers: Mapping[str, PageMaker]
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds in which a kept connection must say something

    def do_GET(self) -> None:
        """Answer with the page of the path."""
        url = urlsplit(self.path)
        maker = self.page_makers.get(url.path)
        if maker is None:
            known = ", ".join(self.page_makers)
            text = {"error": f"There is no page {url.path[:100]}; there are {known}."}
            page = _json(text, HTTPStatus.NOT_FOUND)
        else:
            page = maker(parse_qs(url.query))
        self.send_response(page.status)
        self.send_header("Content-Type", page.type)
        self.send_header("Content-Length", str(len(page.content)))
        self.end_headers()
        self.wfile.write(page.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the base's name
        """Log nothing: a scrape every few seconds is no news."""


def _family(sample: Sample) -> Any:
    names = list(sample.labels)
    if isinstance(sample, HistogramSample):
        return HistogramMetricFamily(sample.name, sample.help, labels=names)
    if sample.name.endswith("_total"):
        return CounterMetricFamily(sample.name, sample.help, labels=names)
    return GaugeMetricFamily(sample.name, sample.help, labels=names)


def _buckets(sample: HistogramSample) -> list[tuple[str, int]]:
    bounds = (*map(floatToGoString, sample.bounds), "+Inf")
    return list(zip(bounds, accumulate(sample.counts), strict=True))
