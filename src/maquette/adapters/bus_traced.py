"""A sink whose events carry their trace, and whose publishing is part of it.

Job traces are made here as well, by one sink of the installation: what has just been published says which spans have
ended, and the database knows the rest. Nothing is written for it, and no event waits longer than that read takes.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from maquette.domain import typeid
from maquette.domain.events import Event
from maquette.domain.spans import job_context, job_spans
from maquette.ports import EventBus
from maquette.store import traces
from maquette.store.database import Database
from maquette.telemetry.trace import Span, TraceContext, nanoseconds
from maquette.telemetry.tracer import Tracer

_LOG = logging.getLogger(__name__)


class TracedBus:
    """``ports.EventBus`` around another. With ``jobs`` it also records the spans of the jobs themselves."""

    def __init__(self, sink: EventBus, database: Database, tracer: Tracer, *, jobs: bool) -> None:
        self._sink = sink
        self._database = database
        self._tracer = tracer
        self._jobs = jobs

    @property
    def name(self) -> str:
        """The sink's."""
        return self._sink.name

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Publish with the trace in each event that has one; record those that were acknowledged."""
        async with self._database.connection() as connection:
            found = await traces.contexts(connection, list({event.stream_id for event in events}))
        if not found:
            return await self._sink.publish(events)
        answers = await self._sink.publish([_traced(event, found.get(event.stream_id)) for event in events])
        if self._tracer.on and len(answers) == len(events):
            done = [event for event, error in zip(events, answers, strict=True) if error is None]
            wanted = {job: trace for job, trace in found.items() if trace.sampled and not trace.foreign}
            try:
                await self._record([event for event in done if event.stream_id in wanted], wanted)
            except Exception as error:  # noqa: BLE001 - they are published: no span is worth publishing them again
                _LOG.warning("Traces have gaps: %s: %s", type(error).__name__, error)
        return answers

    async def _record(self, events: Sequence[Event], found: Mapping[UUID, TraceContext]) -> None:
        now = time.time_ns()
        self._tracer.record(*(self._published(event, found[event.stream_id], now) for event in events))
        if not self._jobs or not events:
            return
        told = {(event.stream_id, event.sequence) for event in events}
        jobs = list({event.stream_id for event in events})
        async with self._database.connection() as connection:
            histories = await traces.histories(connection, jobs)
        for job, history in histories.items():
            ended = job_spans(found[job], history.events, history.tries)
            self._tracer.record(*(item.span for item in ended if (job, item.sequence) in told))

    def _published(self, event: Event, trace: TraceContext, now: int) -> Span:
        began = nanoseconds(event.time)
        return Span(
            name=f"publish {event.type}",
            context=trace.child(event.stream_id, event.sequence, self.name),
            parent=job_context(trace, event.stream_id).span_id,
            started=began,
            ended=max(began, now),
            kind="producer",
            attributes={
                "maquette.sink": self.name,
                "maquette.event_id": typeid.encode("evt", typeid.derive(event.stream_id, event.sequence)),
                "maquette.correlation_id": event.correlation_id,
            },
        )


def _traced(event: Event, trace: TraceContext | None) -> Event:
    return event if trace is None else replace(event, trace=job_context(trace, event.stream_id))
