"""Webhooks as a sink: an event is acknowledged once a delivery to each endpoint that wants it is recorded."""

from collections.abc import Callable, Sequence
from uuid import UUID

from maquette.domain import typeid
from maquette.domain.events import Event, EventType, cloud_event
from maquette.store import deliveries
from maquette.store.database import Database, encode
from maquette.store.deliveries import Listening, NewDelivery


class WebhookBus:
    """``ports.EventBus``; the loop in ``maintenance`` delivers. ``queued`` is called when there is something new."""

    name = "webhooks"

    def __init__(
        self,
        database: Database,
        new_id: Callable[[], UUID],
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._new_id = new_id
        self._queued = queued

    async def publish(self, events: Sequence[Event]) -> Sequence[Exception | None]:
        """Record deliveries in one transaction; one read for all where nobody listens."""
        projects = list({event.project_id for event in events})
        streams = list({event.stream_id for event in events})
        async with self._database.connection() as connection:
            found = await deliveries.listening(connection, projects, streams)
        items = [item for event in events for item in self._deliveries(event, found)]
        if items:
            async with self._database.transaction() as connection:
                await deliveries.enqueue(connection, items)
            self._queued()
        return [None] * len(events)

    def _deliveries(self, event: Event, found: Sequence[Listening]) -> list[NewDelivery]:
        wanted = [item for item in found if wants(item, event)]
        if not wanted:
            return []
        body = encode(cloud_event(event))  # once: every endpoint and every try gets these bytes
        return [
            NewDelivery(
                self._new_id(),
                event.project_id,
                item.id,
                event.stream_id,
                event.sequence,
                typeid.derive(event.stream_id, event.sequence),
                event.type,
                body,
            )
            for item in wanted
        ]


def wants(item: Listening, event: Event) -> bool:
    """Whether an endpoint is sent an event: what it chose of its project, all of its job, and its own tests."""
    if event.type is EventType.WEBHOOK_TEST:
        return item.id == event.stream_id
    if item.project_id != event.project_id or item.id == event.stream_id:
        return False
    if item.job_id is not None:
        return item.job_id == event.stream_id
    return not item.events or event.type in item.events
