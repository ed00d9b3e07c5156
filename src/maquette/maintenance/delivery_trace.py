"""One try at a webhook as part of the trace of what it tells: the message itself says which that is."""

import time

import msgspec

from maquette.telemetry.trace import Span, parse
from maquette.telemetry.tracer import Tracer


class _Ids(msgspec.Struct):
    """What of an event its headers repeat."""

    type: str = ""
    correlationid: str = ""
    traceparent: str = ""
    tracestate: str = ""


_decode = msgspec.json.Decoder(_Ids).decode


class Delivery:
    """Begins with the try; ``headers`` go with it, ``end`` says what came of it."""

    def __init__(self, tracer: Tracer, body: bytes, event: str, attempt: int) -> None:
        self._ids = _decode(body)
        self._event = event
        self._attempt = attempt
        self._tracer = tracer
        self._parent = parse(self._ids.traceparent, self._ids.tracestate)
        recorded = tracer.on and self._parent is not None
        self._own = tracer.begin(self._parent) if recorded else None
        self._began = time.time_ns()

    @property
    def headers(self) -> dict[str, str]:
        """What lets the receiver find the request again, and go on with its trace."""
        context = self._own or self._parent
        return {
            "x-correlation-id": self._ids.correlationid,
            **({} if context is None else context.headers()),
        }

    def end(self, status: int | None, error: str | None) -> None:
        """Record the try; ``status`` None: there was no answer, and ``error`` says why."""
        if self._own is None or self._parent is None:
            return
        failed = "" if status is not None and 200 <= status < 300 else error or str(status)
        span = Span(
            name="deliver webhook",
            context=self._own,
            parent=self._parent.span_id,
            started=self._began,
            ended=max(self._began, time.time_ns()),
            kind="client",
            attributes={
                "maquette.event_type": self._ids.type,
                "maquette.event_id": self._event,
                "maquette.correlation_id": self._ids.correlationid,
                "maquette.attempt": self._attempt,
                **({} if status is None else {"http.response.status_code": status}),
                **({"error.type": failed.partition(":")[0]} if failed else {}),
            },
            error=failed,
        )
        self._tracer.record(span)
