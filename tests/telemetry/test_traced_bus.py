"""Publishing that is watched: whatever goes wrong with watching, what was published stays so."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from made import event

from maquette.adapters import bus_traced
from maquette.adapters.bus_traced import TracedBus
from maquette.domain.events import Event
from maquette.services.ids import new_id
from maquette.store.database import Database
from maquette.telemetry.trace import TraceContext
from maquette.telemetry.tracer import Tracer


class Sink:
    name = "played"

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        return [None] * len(events)


class Lent:
    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield None


async def test_a_history_that_nobody_understands_stops_no_events(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A type of event from tomorrow, read for a trace after the sink has acknowledged, is a gap in the trace alone."""

    async def contexts(_connection: Any, streams: Sequence[UUID]) -> dict[UUID, TraceContext]:
        return dict.fromkeys(streams, TraceContext("1" * 32, "2" * 16))

    async def histories(_connection: Any, _jobs: Sequence[UUID]) -> Any:
        raise ValueError("'JobTeleported' is not a valid EventType")

    monkeypatch.setattr(bus_traced.traces, "contexts", contexts)
    monkeypatch.setattr(bus_traced.traces, "histories", histories)
    spans: list[Any] = []
    bus = TracedBus(Sink(), cast("Database", Lent()), Tracer(spans.extend), jobs=True)
    assert await bus.publish([event(new_id(), 1)]) == [None]
    assert [span.name for span in spans] == ["publish StepStarted"]
    assert "JobTeleported" in caplog.text
