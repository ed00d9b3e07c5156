"""A project whose events go to a receiver: the sink, the loop and the services over the real database."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from maquette.adapters.bus_webhook import WebhookBus
from maquette.domain.events import Event, EventType
from maquette.domain.principal import Principal
from maquette.maintenance.webhooks import WebhookLoop
from maquette.outbound import Outbound
from maquette.services import webhooks
from maquette.services.deps import Deps
from maquette.services.ids import new_id
from maquette.services.webhooks import WithSecret
from maquette.store.deliveries import Delivery


@dataclass
class Post:
    """The parts of a story, and its time: it passes when the test says so."""

    deps: Deps
    loop: WebhookLoop
    sink: WebhookBus
    user: Principal
    project: UUID
    outbound: Outbound
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    sequences: dict[UUID, int] = field(default_factory=dict)

    async def endpoint(self, url: str, *events: str) -> WithSecret:
        return await webhooks.create(
            self.deps, self.user, self.project, url=url, name="test", events=list(events)
        )

    def event(self, stream: UUID, kind: EventType = EventType.STEP_COMPLETED, **data: Any) -> Event:
        """The next fact of a stream."""
        sequence = self.sequences[stream] = self.sequences.get(stream, 0) + 1
        return Event(stream, self.project, sequence, kind, self.now, "correlation", {"n": sequence, **data})

    async def publish(self, *events: Event) -> None:
        assert await self.sink.publish(events) == [None] * len(events)

    async def happen(self, count: int = 1, stream: UUID | None = None) -> UUID:
        """Publish so many events of one stream."""
        stream = stream or new_id()
        await self.publish(*(self.event(stream) for _ in range(count)))
        return stream

    async def deliver(self, seconds: float = 0.0) -> int:
        """Let time pass, then try whatever is due until nothing is; return how many lanes were due."""
        self.now = max(self.now, datetime.now(UTC)) + timedelta(seconds=seconds)
        total = 0
        while count := await self.loop.run_once(self.now):
            total += count
            assert total < 500, "this does not end"
        return total

    async def log(self, key: UUID) -> list[Delivery]:
        """What the log shows, oldest first."""
        found = await webhooks.list_deliveries(self.deps, self.user, key, status=None, before=None, limit=500)
        return sorted(found, key=lambda item: (item.created_at, item.sequence))

    async def get(self, key: UUID) -> Any:
        return await webhooks.get(self.deps, self.user, key)


def verified(received: Any, *secrets: str) -> Any:
    """Verify a message as a consumer does, from the specification's text alone; return its content.

    Content signed: `{id}.{timestamp}.{payload}`. HMAC-SHA256 under the base64-decoded secret. The header lists
    signatures `v1,<base64>` separated by spaces; one that matches is enough. Here every secret must match one.
    """
    headers = received.headers
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), received.body]
    )
    presented = [item.split(",", 1) for item in headers["webhook-signature"].split(" ")]
    assert {version for version, _ in presented} == {"v1"}
    for secret in secrets:
        kind, text = secret.split("_", 1)
        key = base64.b64decode(text, validate=True)
        assert (kind, 24 <= len(key) <= 64) == ("whsec", True)
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        assert expected in [signature for _, signature in presented]
    return json.loads(received.body)
