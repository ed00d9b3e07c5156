"""What goes on now belongs to these ids: bound where a request or an attempt begins, read by logs and by whoever asks others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from maquette.telemetry.trace import TraceContext

_BOUND: ContextVar[Mapping[str, str]] = ContextVar("maquette_ids", default={})  # noqa: B039 - never changed in place
_TRACE: ContextVar[TraceContext | None] = ContextVar("maquette_trace", default=None)


def bound() -> Mapping[str, str]:
    """Return the ids that hold here: ``request_id``, ``correlation_id``, ``job_id``, ``trace_id``, as far as known."""
    return _BOUND.get()


def passed_on() -> dict[str, str]:
    """Return the headers with which somebody else is asked on behalf of what goes on here."""
    trace, correlation = _TRACE.get(), bound().get("correlation_id")
    headers = {} if trace is None else trace.headers()
    return headers | {"x-correlation-id": correlation} if correlation else headers


def bind(trace: TraceContext | None, ids: dict[str, str]) -> tuple[Token[Any], Token[Any]]:
    """Let a trace and these ids hold, and no others, until they are let go with what this returns."""
    if trace is not None:
        ids["trace_id"] = trace.trace_id
    return _BOUND.set(ids), _TRACE.set(trace)


def let_go(tokens: tuple[Token[Any], Token[Any]]) -> None:
    """Let hold what held before."""
    _BOUND.reset(tokens[0])
    _TRACE.reset(tokens[1])


@contextmanager
def binding(trace: TraceContext | None = None, **ids: str) -> Iterator[None]:
    """Let a trace and these ids hold within, besides those that did; empty ones are left out."""
    given = {name: value for name, value in ids.items() if value}
    tokens = bind(trace or _TRACE.get(), {**_BOUND.get(), **given})
    try:
        yield
    finally:
        let_go(tokens)
