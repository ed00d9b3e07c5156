"""Where spans go. Off, nothing is made for them; on, recording is a put into a bounded queue."""

import logging
import secrets
from collections.abc import Callable, Iterable

from maquette.telemetry.trace import Span, TraceContext

_LOG = logging.getLogger(__name__)
_TRACE_IDS = 1 << 64

Export = Callable[[Iterable[Span]], None]


class Tracer:
    """Begins traces and hands finished spans to ``export``, the sampled ones alone; without it, it is off.

    ``ratio`` of the traces that begin here are sampled, from 0 to 1; a caller's own decision is kept.
    """

    def __init__(self, export: Export | None = None, ratio: float = 1.0) -> None:
        self._export = export
        self._threshold = int(ratio * _TRACE_IDS)

    @property
    def on(self) -> bool:
        """Whether anybody wants spans."""
        return self._export is not None

    def begin(self, parent: TraceContext | None, trace_id: str = "") -> TraceContext:
        """Return the context of a new span below a parent, or of the first of a new trace.

        The low half of a trace id decides, so that all who see the trace and have the same ratio decide alike.
        """
        span = secrets.token_hex(8)
        if parent is not None:
            return TraceContext(parent.trace_id, span, parent.sampled, parent.state)
        trace = trace_id or secrets.token_hex(16)
        return TraceContext(trace, span, int(trace[16:], 16) < self._threshold)

    def record(self, *spans: Span) -> None:
        """Hand over finished spans; never raises and never waits: nobody's work may hang on being watched."""
        if self._export is None:
            return
        try:
            self._export(span for span in spans if span.context.sampled)
        except Exception:  # noqa: BLE001 - as the docstring says
            _LOG.exception("Spans could not be handed over.")


OFF = Tracer()
