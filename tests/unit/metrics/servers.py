"""A real HTTP server that speaks Prometheus' protocol and answers as told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from headrace.api import Check
from headrace.engine.observations import Metric, MetricKey
from headrace.metrics.access import Access
from headrace.metrics.answers import Client
from headrace.metrics.clusters import local_counters
from headrace.metrics.prometheus import PrometheusMetrics
from headrace.metrics.source import Measured, Request

NOW = 1000.0
KEY = "models/flight-delay"


def request(*metrics: MetricKey, checks: Mapping[MetricKey, Check] | None = None) -> Request:
    """Give what one rollout asks for: these metrics, or all of Headrace's own."""
    since: dict[MetricKey, float] = dict.fromkeys(metrics or tuple(Metric), 990.0)
    counters = local_counters(KEY, "1.0", ("2.0",))
    return Request(KEY, "flight-delay", "1.0", ("2.0",), since, 1.0, counters, checks or {})


class Prometheus:
    """A server that gives one answer to every query, or one by the query's beginning.

    Attributes:
        answer: The `result`; by the beginning of the query if it is a dictionary.
        status: Of HTTP.
        body: Sent as it is in place of an answer, unless empty.
        queries: What was asked.
        headers: What came with it.
        location: Where it redirects to.
        clock: The time that it says it is, Unix seconds.
        trickles: Whether the answer is sent byte by byte.
        by_end: Whether `answer` goes by the query's end instead.
        release: While it is not set and `hangs` is, no answer is sent.
    """

    def __init__(self) -> None:
        self.answer: object = []
        self.status = 200
        self.body = ""
        self.queries: list[str] = []
        self.headers: list[Message] = []
        self.location = ""
        self.hangs = False
        self.trickles = False
        self.by_end = False
        self.clock = NOW
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"])).decode()
                query = parse_qs(sent)["query"][0]
                outer.queries.append(query)
                outer.headers.append(self.headers)
                if outer.hangs:
                    outer.release.wait(30)
                    self.close_connection = True
                    return
                data = {"status": "success", "data": {"result": outer.result(query)}}
                body = (outer.body or json.dumps(data)).encode()
                self.send_response(outer.status)
                self.send_header("content-length", str(len(body)))
                if outer.location:
                    self.send_header("location", outer.location)
                self.end_headers()
                if not outer.trickles:
                    self.wfile.write(body)
                    return
                with contextlib.suppress(OSError):
                    while not outer.release.wait(0.05):
                        self.wfile.write(b" ")

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(outer.clock)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.metrics = PrometheusMetrics(self.url)

    @property
    def client(self) -> Client:
        return Client(Access(self.url), 5.0, raw=True)

    def result(self, query: str) -> object:
        if not isinstance(self.answer, dict):
            return self.answer
        fits = query.endswith if self.by_end else query.startswith
        return next((answer for part, answer in self.answer.items() if fits(part)), [])

    def observe(self, wanted: Request, timeout: float = 5.0) -> Measured:
        return PrometheusMetrics(self.url, timeout).observe([wanted], NOW)[KEY]
