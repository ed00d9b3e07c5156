"""How long a transaction waits for locks that others hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from maquette.store.database import Connection, statements

_SQL = statements("locks")


@asynccontextmanager
async def waiting_briefly(connection: Connection) -> AsyncIterator[None]:
    """Let statements fail with ``Contention`` rather than wait for somebody's lock for more than 0.05 s.

    For locks that come out of their order: the batch gives everything back and tries again, long before PostgreSQL looks
    for a deadlock.
    """
    await connection.execute(_SQL["wait_briefly"])
    yield
    await connection.execute(_SQL["wait_as_ever"])
