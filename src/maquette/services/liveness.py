"""Which worker processes are known: a claim makes the row that heartbeats keep alive."""

from uuid import UUID

from maquette.store import tasks
from maquette.store.database import Database

_EPOCHS_MAX = 10_000


class Workers:
    """Remembers the epochs whose row exists, so that a claim costs a statement only the first time."""

    def __init__(self, database: Database, ttl_seconds: float) -> None:
        self._database = database
        self._ttl_seconds = ttl_seconds
        self._known: set[UUID] = set()

    async def know(self, epoch: UUID, name: str) -> None:
        """Make sure that the worker has a row, so that its leases are not taken for lost ones."""
        if epoch in self._known:
            return
        async with self._database.connection() as connection:
            await tasks.touch_workers(connection, {epoch: name}, self._ttl_seconds)
        if len(self._known) >= _EPOCHS_MAX:
            self._known.clear()
        self._known.add(epoch)
