"""The relay: takes events out of the outbox, in shards, and sees to it that every sink gets them.

Any number of replicas may run it; each has an epoch, a lease on it, and an even share of the shards. Whatever a
replica writes is one statement that locks its epoch's row: once others have given the epoch up, that row is gone
and nothing is written (docs/adr/0011).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

from maquette.domain.errors import MaquetteError
from maquette.maintenance.courier import PUBLISH_SECONDS_MAX, Courier
from maquette.maintenance.loop import forever
from maquette.ports import EventBus
from maquette.services.ids import new_id
from maquette.store import outbox
from maquette.store.database import Database

_LOG = logging.getLogger(__name__)
#: Silence after which the other replicas take over.
LEASE_SECONDS = 5.0
#: How soon an idle outbox is looked at again, and one that was not: events that come together travel together.
IDLE_SECONDS, GATHER_SECONDS = 0.1, 0.02
#: Looking costs little, but not while a backup's snapshot keeps every row that has moved: then it takes a fifth of the
#: time at most.
REST = 4.0
#: Rows that one statement moves. Larger pages moved no more a second, and took longer.
PAGE = 2000
PER_SHARD_MIN = 16
#: Longer than any turn takes, so that a server that fell silent does not hold a loop for good.
TURN_SECONDS_MAX = 2 * PUBLISH_SECONDS_MAX


class Relay:
    """``run()`` over ``beat_once()``, ``move_once()`` and a courier for each sink."""

    def __init__(
        self, database: Database, sinks: Sequence[EventBus], *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._couriers = [Courier(database, sink) for sink in sinks]
        self._sinks = [sink.name for sink in sinks]
        if len(set(self._sinks)) < len(self._sinks):
            raise ValueError(f"Two sinks have the same name: {self._sinks}.")
        self.epoch: UUID = new_id()
        self.shards: list[int] = []

    async def run(self) -> None:
        """Relay until canceled, then hand the shards over; the database being away is waited out."""
        loops = [
            _looped(self.beat_once, "Keeping the relay's lease"),
            _looped(self.move_once, "Moving events"),
            *(_looped(courier.turn, f"Publishing to {courier.name}") for courier in self._couriers),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            with suppress(MaquetteError, TimeoutError):
                async with asyncio.timeout(self._lease_seconds), self._database.connection() as connection:
                    await outbox.leave(connection, self.epoch)

    async def beat_once(self) -> float:
        """Keep the lease, come to an even share of the shards, report; return the seconds until the next time."""
        told = [courier.told() for courier in self._couriers]
        async with self._database.connection() as connection:
            known = await outbox.beat(connection, self.epoch, self._lease_seconds)
            if not known:
                self.epoch = new_id()
                await outbox.enter(connection, self.epoch, self._lease_seconds, self._sinks)
            shards = await outbox.share(connection, self.epoch)
            if not known or any(item.published or item.failures for item in told):
                await outbox.report(connection, told)
        if shards != self.shards:
            _LOG.info("Relaying %d of the outbox's shards", len(shards))
        self.shards = shards
        for courier in self._couriers:
            courier.serve(self.epoch, self._per_shard)
        return self._lease_seconds / 5

    @property
    def _per_shard(self) -> int:
        return max(PER_SHARD_MIN, PAGE // max(len(self.shards), 1))

    async def move_once(self) -> float:
        """Move a page of events; return the seconds until the next time."""
        if not self.shards:
            return IDLE_SECONDS
        began = time.monotonic()
        async with self._database.connection() as connection:
            moved, more = await outbox.move(connection, self.epoch, self._per_shard)
        took = time.monotonic() - began
        if moved:
            for courier in self._couriers:
                courier.news.set()
        return 0.0 if more else max(GATHER_SECONDS if moved else IDLE_SECONDS, took * REST)


async def _looped(once: Callable[[], Awaitable[float]], what: str) -> None:
    """Do it again after as many seconds as it says."""
    await forever(once, what, lambda seconds: seconds, seconds_max=TURN_SECONDS_MAX)
