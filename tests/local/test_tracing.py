"""Spans of a tick arrive at a real OTLP receiver, each below the tick that it is of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from headrace.api import ModelRollout
from headrace.controller.asking import local_envoy
from headrace.controller.fleet import Fleet
from headrace.controller.tracing import Spans, no_spans, spans_to
from headrace.engine.plan import Plan
from headrace.errors import PlatformUnavailable
from tests.unit.controller.bench import START, Cluster, Eyes, Hands, Shelf, named


@dataclass
class Collector:
    """Takes spans.

    Attributes:
        url: Its address.
        spans: What came.
        services: Who sent it.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            known = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(f"{known['service.name']} {known['service.instance.id']}")
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                one.take(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield one
    server.shutdown()
    server.server_close()
    thread.join()


class Away(Hands):
    """A platform that does not answer."""

    def apply(self, rollout: ModelRollout, plan: Plan) -> bool:
        raise PlatformUnavailable("the API server is away")

    def take_back(self, rollout: ModelRollout, plan: Plan) -> None:
        raise PlatformUnavailable("the API server is away")


def ticked(spans: Spans, hands: type[Hands] = Hands) -> None:
    """Let two versions go live and two follow them, a tick each time."""
    shelf = Shelf()
    cluster = Cluster(shelf.log, shelf.life)
    fleet = Fleet(
        shelf, Eyes(cluster), hands(cluster), counters_of=local_envoy, workers=2, spans=spans
    )
    for version in ("1", "2"):
        for index in range(2):
            shelf.put(named(version, index))
        for tick in range(4):
            with spans("tick"):
                fleet.tick(START + 1000 * int(version) + 15 * tick)
            fleet.settle(30)
    fleet.close()


def attributes(span: Span) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


def test_a_tick_has_a_span_and_below_it_one_for_all_that_it_does(collector: Collector) -> None:
    with spans_to(collector.url, "one") as spans:
        ticked(spans)
    ticks = {span.span_id: span.trace_id for span in collector.named("tick")}
    assert len(ticks) == 8
    for name in ("observe", "judge", "write", "apply"):
        found = collector.named(name)
        assert found, name
        assert all(ticks[span.parent_span_id] == span.trace_id for span in found), name
    assert collector.services == {"headrace-controller one"}
    rollouts = {attributes(span)["headrace.rollout"] for span in collector.named("judge")}
    assert rollouts == {"models/flight-0", "models/flight-1"}
    reasons = [attributes(span)["headrace.reason"] for span in collector.named("write")]
    assert "FirstVersionStarts" in reasons
    assert "RolloutStarts" in reasons


def test_what_could_not_be_applied_is_marked_with_its_error(collector: Collector) -> None:
    with spans_to(collector.url, "one") as spans:
        ticked(spans, Away)
    applied = collector.named("apply")
    assert applied
    for span in applied:
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert "the API server is away" in span.status.message


def test_a_collector_that_is_away_is_in_nobodys_way() -> None:
    with spans_to("http://127.0.0.1:1", "one") as spans:
        ticked(spans)


def test_by_default_there_are_none(collector: Collector) -> None:
    ticked(no_spans)
    assert collector.spans == []
