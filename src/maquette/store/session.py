"""One connection of a long-lived owner: transactions that reconnect, and that know how they ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import asyncpg

from maquette.domain.errors import Unavailable
from maquette.store.away import CONNECTION_ERRORS, unavailable
from maquette.store.database import Connection, Pooler, connect

_LOG = logging.getLogger(__name__)


class KnowsTransaction(Protocol):
    """What a transaction's body returns."""

    xid: str
    """``pg_current_xact_id()``, for asking what became of a COMMIT whose answer was lost."""


T = TypeVar("T", bound=KnowsTransaction)


class BadData(Exception):
    """The server refused a value: some row of the batch is at fault, trying again is useless."""


class Contention(Exception):
    """A deadlock or serialisation failure: nothing was written, trying again may succeed."""


#: Longer than any statement of a batch takes. A server that fell silent, or a lock that nobody gives back, would
#: else hold a lane for good.
STATEMENT_SECONDS_MAX = 15.0
#: SQLSTATE classes in which a value is at fault: data exception, integrity violation, program limit exceeded.
_BAD_DATA = ("22", "23", "54")


class Session:
    """One connection; opened on first use and again after it was lost."""

    def __init__(
        self, url: str, *, statement_seconds_max: float = STATEMENT_SECONDS_MAX, pooler: Pooler = "none"
    ) -> None:
        self._url = url
        self._pooler = pooler
        self._statement_seconds_max = statement_seconds_max
        self._connection: Connection | None = None

    async def transaction(self, body: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``body`` in a transaction and return its result once that is durably committed.

        ``BadData``, ``Contention`` and ``Unavailable`` all mean that nothing was written.
        """
        try:
            connection, transaction = await self._begun()
            try:
                result = await body(connection)
            except CONNECTION_ERRORS:
                raise  # nobody is there to be told
            except BaseException:
                with suppress(*CONNECTION_ERRORS, asyncpg.PostgresError):
                    await transaction.rollback()
                raise
        except (
            asyncpg.DeadlockDetectedError,
            asyncpg.SerializationError,
            asyncpg.LockNotAvailableError,
            asyncpg.InvalidCachedStatementError,
        ) as error:
            raise Contention(str(error)) from error
        except CONNECTION_ERRORS as error:
            await self.close()
            raise unavailable(error) or Unavailable(str(error)) from error
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "").startswith(_BAD_DATA):
                raise BadData(f"{type(error).__name__}: {error}") from error
            # A full disk, a read-only replica, a canceled statement: no fault of any command.
            _LOG.warning("A transaction failed: %s: %s", type(error).__name__, error)
            await self.close()
            told = unavailable(error)
            raise told or Unavailable("The database cannot do this now.", retry_after_seconds=1) from error
        except (ValueError, TypeError, OverflowError) as error:
            raise BadData(f"{type(error).__name__}: {error}") from error
        try:
            await transaction.commit()
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            await self.close()
            if not await self._committed(result.xid):
                raise Unavailable("The database went away.", retry_after_seconds=1) from error
        return result

    async def close(self) -> None:
        """Drop the connection, politely or not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _begun(self) -> tuple[Connection, Any]:
        """Begin a transaction; on a connection that ended while it was idle, silently on a new one."""
        connection = await self._connected()
        transaction = connection.transaction()
        try:
            await transaction.start()
        except CONNECTION_ERRORS:
            await self.close()
            connection = await self._connected()
            transaction = connection.transaction()
            await transaction.start()
        return connection, transaction

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(
                self._url, statement_seconds_max=self._statement_seconds_max, pooler=self._pooler
            )
        return self._connection

    async def _committed(self, xid: str) -> bool:
        """Ask, until there is an answer, whether a transaction committed."""
        delay = 0.05
        while True:
            try:
                connection = await self._connected()
                status = await connection.fetchval("select pg_xact_status($1::text::xid8)", xid)
                if status != "in progress":
                    return bool(status == "committed")
            except (Unavailable, *CONNECTION_ERRORS):
                await self.close()
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
