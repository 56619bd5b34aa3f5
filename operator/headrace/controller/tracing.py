"""Spans of the ticks, sent by OTLP over HTTP to whoever asked for them; nobody by default.

A `tick` has one `observe`, and for each rollout that was looked at a `judge`, a `write` where its
status is written, and an `apply`. The last two are carried out beside the tick and may outlast it.
Nothing of OpenTelemetry is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from headrace import __version__
from headrace.errors import SetupError

QUEUE = 16_384
"""Spans that wait to be sent; a tick of a thousand rollouts has three thousand."""

_BATCH = 2048
_TIMEOUT = 5.0
_PATH = "/v1/traces"
_NOTHING = nullcontext()


class Spans(Protocol):
    """Begins a span that ends with a `with`."""

    def __call__(self, name: str, **facts: str) -> AbstractContextManager[object]:
        """Begin a span below the one that is open in this context.

        Args:
            name: What is done.
            facts: About what; `rollout` becomes the attribute `headrace.rollout`.
        """
        ...


def no_spans(name: str, **facts: str) -> AbstractContextManager[object]:
    """Begin nothing."""
    return _NOTHING


@contextmanager
def spans_to(url: str, identity: str) -> Iterator[Spans]:
    """Send spans to a collector for as long as a `with` lasts; what is left is sent at its end.

    Args:
        url: The collector's, such as `http://collector:4318`. Its headers, a sampler and the like
            are taken from OpenTelemetry's own variables, such as `OTEL_TRACES_SAMPLER`.
        identity: Of this controller.

    Raises:
        SetupError: The packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SetupError(
            f"Spans need OpenTelemetry: {error}. Run `pip install 'headrace[tracing]'`."
        ) from error
    service = {
        "service.name": "headrace-controller",
        "service.version": __version__,
        "service.instance.id": identity,
    }
    exporter = OTLPSpanExporter(f"{url.rstrip('/')}{_PATH}", timeout=_TIMEOUT)
    provider = TracerProvider(resource=Resource.create(service), shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=QUEUE, max_export_batch_size=_BATCH)
    )
    tracer = provider.get_tracer("headrace", __version__)

    def begin(name: str, **facts: str) -> AbstractContextManager[object]:
        attributes = {f"headrace.{fact}": value for fact, value in facts.items()}
        return tracer.start_as_current_span(name, attributes=attributes)

    try:
        yield begin
    finally:
        provider.shutdown()
