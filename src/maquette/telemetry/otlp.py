"""Spans and metrics to an OpenTelemetry collector, OTLP over HTTP (the extra ``maquette[otlp]``).

Spans are ours (``trace.Span``) until here: most of them are made from what the database knows, after the fact, with
ids that any process can name, which the SDK's own tracers cannot do. What the SDK is for: the batch that waits in
bounded memory, the thread that sends it, tries again and gives up.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Timer
from typing import TYPE_CHECKING

import maquette
from maquette.telemetry.redaction import redactor
from maquette.telemetry.trace import Span
from maquette.telemetry.tracer import OFF, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

SCOPE = "maquette"
#: Spans that wait for the collector: about 2 KiB each. What comes while that many wait is dropped and counted.
QUEUE_MAX = 8192
BATCH_MAX = 512
#: How long one sending may take, tries again included; and, at the end of a process, all that is left to send.
SEND_SECONDS_MAX, STOP_SECONDS_MAX = 5.0, 2.0


class MissingExtra(Exception):
    """A setting asks for what is not installed; the message says how to get it."""


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers of ``NAME=VALUE,…``; ``ValueError`` for what is none, without repeating a value."""
    found = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        if (
            not equals
            or not name.strip().replace("-", "").replace("_", "").isalnum()
            or not value.isprintable()
        ):
            raise ValueError("each is NAME=VALUE")
        found[name.strip().lower()] = value.strip()
    return found


def resource(process: str) -> "Resource":
    """Return what all spans and metrics of this process carry."""
    try:
        from opentelemetry.sdk.resources import Resource
    except ImportError:
        raise MissingExtra(
            "MAQUETTE_OTLP_ENDPOINT is set, and the OpenTelemetry SDK is not installed: pip install 'maquette[otlp]'"
        ) from None
    return Resource.create(
        {
            "service.name": "maquette",
            "service.version": maquette.__version__,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "maquette.process": process,
        }
    )


class SpanExport:
    """Hands spans to the SDK's batch processor; call it with finished spans, ``close()`` it at the end."""

    def __init__(self, about: "Resource", exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = about
        self._exporter = exporter
        self._redact = redactor()
        self._processor = BatchSpanProcessor(
            exporter, max_queue_size=QUEUE_MAX, max_export_batch_size=BATCH_MAX
        )

    def __call__(self, spans: Iterable[Span]) -> None:
        """Queue spans; never waits."""
        for span in spans:
            told = replace(span, error=self._redact(span.error)) if span.error else span
            self._processor.on_end(readable(told, self._resource))

    def flush(self) -> None:
        """Send what waits now."""
        self._processor.force_flush(int(SEND_SECONDS_MAX * 1000))

    def close(self) -> None:
        """Send what waits, for two seconds; a request that nobody answers then may take five."""
        giving_up = Timer(STOP_SECONDS_MAX, self._exporter.shutdown)  # ends its waits between tries
        giving_up.start()
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK says nothing of its type
        giving_up.cancel()


@contextmanager
def tracing(endpoint: str, headers: str, ratio: float, process: str) -> Iterator[Tracer]:
    """Lend a tracer that sends to a collector; one that is off where there is no endpoint.

    What waits at the end is sent, for a few seconds at most. Raises ``MissingExtra``.
    """
    if not endpoint:
        yield OFF
        return
    about = resource(process)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    address = f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=address, headers=parse_headers(headers), timeout=SEND_SECONDS_MAX)
    export = SpanExport(about, exporter)
    try:
        yield Tracer(export, ratio)
    finally:
        export.close()


def readable(span: Span, about: "Resource") -> "ReadableSpan":
    """Return a span as the SDK's exporters take it."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

    context = span.context

    def sdk_context(span_id: str, *, remote: bool = False) -> SpanContext:
        return SpanContext(
            int(context.trace_id, 16),
            int(span_id, 16),
            is_remote=remote,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
            trace_state=TraceState.from_header([context.state]) if context.state else TraceState(),
        )

    return ReadableSpan(
        name=span.name,
        context=sdk_context(context.span_id),
        parent=None if span.parent is None else sdk_context(span.parent, remote=True),
        resource=about,
        attributes=dict(span.attributes),
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=span.started,
        end_time=span.ended,
        instrumentation_scope=InstrumentationScope(SCOPE),
    )
