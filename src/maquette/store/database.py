"""Connections and named statements. Only this package knows the driver and SQL."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import asyncpg
import msgspec
from asyncpg import Connection

from maquette.domain.errors import Unavailable

__all__ = ["CONNECTION_ERRORS", "Connection", "Database", "connect", "decode", "encode", "statements"]
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
#: What the driver raises when the server is away, restarting or refusing; nothing is known to have changed.
CONNECTION_ERRORS = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement that meets a connection on which the server just said goodbye
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_SETTINGS = {"jit": "off", "application_name": "maquette"}

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def statements(noun: str) -> Mapping[str, str]:
    """Return the statements of ``sql/<noun>.sql`` by name."""
    text = (files("maquette.store") / "sql" / f"{noun}.sql").read_text()
    parts = _NAME.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


async def connect(url: str, *, statement_seconds_max: float) -> Connection:
    """Open one connection for a long-lived owner (a transactor's lane)."""
    try:
        connection: Connection = await asyncpg.connect(
            url, server_settings=_SETTINGS, timeout=10, command_timeout=statement_seconds_max
        )
    except CONNECTION_ERRORS as error:
        raise Unavailable("The database is away.", retry_after_seconds=1) from error
    return connection


async def _leave_as_it_is(_connection: Connection) -> None:
    """Replace the driver's ``RESET ALL`` on each return to the pool, a round trip for every read.

    Nothing here outlives a transaction on a connection: settings and locks are transaction-scoped.
    """


class Database:
    """A pool for short reads and administrative writes."""

    def __init__(self, url: str, pool: Any) -> None:
        self.url = url
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, connections_max: int = 10) -> "Database":
        """Open the pool; ``Unavailable`` when the server cannot be reached."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections_max,
                server_settings=_SETTINGS,
                reset=_leave_as_it_is,
                timeout=10,
            )
        except CONNECTION_ERRORS as error:
            raise Unavailable("The database is away.", retry_after_seconds=1) from error
        return cls(url, pool)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for one or a few reads; ``Unavailable`` while the server is away."""
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except (*CONNECTION_ERRORS, TimeoutError) as error:
            raise Unavailable("The database is away.", retry_after_seconds=1) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits at the end of the block."""
        async with self.connection() as connection, connection.transaction():
            yield connection
