"""The ids that whatever is logged now belongs to: bound where a request or an attempt begins, read by the logs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_BOUND: ContextVar[Mapping[str, str]] = ContextVar("maquette_ids", default={})  # noqa: B039 - never changed in place


def bound() -> Mapping[str, str]:
    """Return the ids that hold here: ``request_id``, ``correlation_id``, ``job_id``, ``trace_id``, as far as known."""
    return _BOUND.get()


@contextmanager
def binding(**ids: str) -> Iterator[None]:
    """Let these ids hold within, besides those that did; empty ones are left out."""
    token = _BOUND.set({**_BOUND.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _BOUND.reset(token)
