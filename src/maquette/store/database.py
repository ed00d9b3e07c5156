"""Connections and named statements. Only this package knows the driver and SQL."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Any, Literal, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from asyncpg import Connection

from maquette.domain.errors import OutcomeUnknown, Unavailable
from maquette.domain.outage import Outage
from maquette.store.away import CONNECTION_ERRORS, CONTENTION, refused, unavailable

__all__ = ["CONNECTION_ERRORS", "Connection", "Database", "connect", "decode", "encode", "statements"]
_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
#: How long to wait for a free connection, or for the server to take a new one (s).
WAIT_SECONDS = 10.0
#: Callers that may wait for a connection of a pool: beyond that waiting would last longer than anybody waits.
WAITING_MAX = 1000
#: Fewer connections than this are one pool: both halves would be too small.
_SPLIT_FROM = 4
_CLOSE_SECONDS = 5.0
LOST_COMMIT = "The database went silent while this was being written: nobody can say yet whether it was."
_SETTINGS = {"jit": "off", "application_name": "maquette"}
_TRACKED = {"application_name": "maquette"}
#: Behind a pooler in transaction mode is another connection after each transaction. What was prepared is not there any more,
#: unless the pooler sees to that ("prepared"), so each statement is parsed anew in the message that runs it; and PgBouncer
#: refuses settings that it does not track.
_HOW: Mapping[str, Mapping[str, Any]] = {
    "none": {"server_settings": _SETTINGS},
    "transaction": {"server_settings": _TRACKED, "statement_cache_size": 0},
    "prepared": {"server_settings": _TRACKED},
}
Pooler = Literal["none", "transaction", "prepared"]
_TENANT_ROLE = "select quote_ident(left(current_user, 56) || '_tenant')"
_AS_TENANT = "begin isolation level repeatable read read only; set local role {role}; set local maquette.projects = '{projects}'"

T = TypeVar("T")
Read = Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, T]]]

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def statements(noun: str) -> Mapping[str, str]:
    """Return the statements of ``sql/<noun>.sql`` by name."""
    text = (files("maquette.store") / "sql" / f"{noun}.sql").read_text()
    parts = _NAME.split(text)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


async def connect(url: str, *, statement_seconds_max: float, pooler: Pooler = "none") -> Connection:
    """Open one connection for a long-lived owner (a transactor's lane)."""
    try:
        connection: Connection = await asyncpg.connect(
            url,
            **_HOW[pooler],
            timeout=min(WAIT_SECONDS, statement_seconds_max),
            command_timeout=statement_seconds_max,
        )
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        raise refused(error) from error
    return connection


async def _leave_as_it_is(_connection: Connection) -> None:
    """Replace the driver's ``RESET ALL`` on each return to the pool, a round trip for every read.

    Nothing here outlives a transaction on a connection: settings and locks are transaction-scoped.
    """


@asynccontextmanager
async def _ended(end: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """End a transaction when the block fails, unless it fails because there is nobody there to be told."""
    try:
        yield
    except CONNECTION_ERRORS:
        raise
    except BaseException:
        await end()
        raise


@dataclass(slots=True)
class _Gathering:
    """Ids for the next shared read, and that read once somebody waits for it."""

    ids: set[UUID] = field(default_factory=set)
    next: asyncio.Task[Any] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Pool:
    """Connections to lend, and who waits for one."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.waiting = 0

    async def acquire(self, seconds: float) -> Connection:
        """Return a connection; ``Unavailable`` when none became free in time, or too many wait already."""
        if self.waiting >= WAITING_MAX:
            raise Unavailable("Too many requests wait for the database.", retry_after_seconds=2)
        self.waiting += 1
        try:
            connection: Connection = await self.pool.acquire(timeout=seconds)
        finally:
            self.waiting -= 1
        return connection

    async def close(self) -> None:
        """Close all connections; politely, unless the server or a borrower takes too long."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()


class Database:
    """Two pools: one for tenants' reads, one for all else, so that no amount of reading holds up a worker."""

    def __init__(
        self, url: str, pool: _Pool, reading: _Pool, *, wait_seconds: float, pooler: Pooler = "none"
    ) -> None:
        self.url = url
        self.pooler: Pooler = pooler
        self._pool = pool
        self._reading = reading
        self._wait_seconds = wait_seconds
        self._gatherings: dict[Any, _Gathering] = {}
        self._role: str | None = None
        self._outage = Outage()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        connections_max: int = 10,
        wait_seconds: float = WAIT_SECONDS,
        statement_seconds_max: float | None = None,
        pooler: Pooler = "none",
    ) -> "Database":
        """Open the pools; ``Unavailable`` when the server cannot be reached.

        Whoever finds no free connection within ``wait_seconds``, or no answer within ``statement_seconds_max`` (None: as
        long as it takes), is told ``Unavailable``. ``pooler`` is what ``url`` leads to.
        """
        reading_max = connections_max // 2 if connections_max >= _SPLIT_FROM else 0

        async def opened(size_min: int, size_max: int) -> _Pool:
            return _Pool(
                await asyncpg.create_pool(
                    url,
                    min_size=size_min,
                    max_size=size_max,
                    **_HOW[pooler],
                    reset=_leave_as_it_is,
                    timeout=wait_seconds,
                    command_timeout=statement_seconds_max,
                )
            )

        try:
            pool = await opened(1, connections_max - reading_max)
            reading = await opened(0, reading_max) if reading_max else pool
        except CONNECTION_ERRORS as error:
            raise Unavailable("The database is away.", retry_after_seconds=1) from error
        return cls(url, pool, reading, wait_seconds=wait_seconds, pooler=pooler)

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections are open, and how many are lent or waited for."""
        pools = {self._pool, self._reading}
        opened = sum(item.pool.get_size() for item in pools)
        return opened, opened - sum(item.pool.get_idle_size() - item.waiting for item in pools)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        if self._reading is not self._pool:
            await self._reading.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for one or a few statements; ``Unavailable`` while the server is away."""
        async with self._lent(self._pool) as connection:
            yield connection

    @asynccontextmanager
    async def _lent(self, pool: _Pool) -> AsyncIterator[Connection]:
        connection = None
        try:
            connection = await pool.acquire(self._wait_seconds)
            try:
                yield connection
            except (*CONNECTION_ERRORS, asyncpg.ReadOnlySQLTransactionError):
                connection.terminate()  # nobody is there, or one that has stopped being the primary
                raise
            finally:
                await pool.pool.release(connection)
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            told = refused(error) if connection is None else unavailable(error)
            if told is None:
                raise
            if connection is None and isinstance(error, TimeoutError):
                told = Unavailable(
                    "No connection to the database became free in time.", retry_after_seconds=2
                )
            if not isinstance(error, CONTENTION):
                self._note(told, error)
            raise told from error
        else:
            self._note(None)

    def _note(self, told: Unavailable | None, cause: Exception | None = None) -> None:
        """Say once that the database went, and once that it is back."""
        if told is not None:
            if self._outage.begins(time.monotonic()):
                _LOG.warning("The database cannot be used: %s (%s)", told, type(cause).__name__)
        elif (lasted := self._outage.ends(time.monotonic())) is not None:
            _LOG.info("The database is back after %.1f s", lasted)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits at the end of the block.

        ``OutcomeUnknown`` when the answer to that COMMIT was lost.
        """
        committing = False
        try:
            async with self._lent(self._pool) as connection:
                transaction = connection.transaction()
                await transaction.start()
                async with _ended(transaction.rollback):
                    yield connection
                committing = True
                await transaction.commit()
        except Unavailable as error:
            if not committing:
                raise
            raise OutcomeUnknown(LOST_COMMIT, retry_after_seconds=1) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Lend a connection for several reads that all see the same moment: what they find fits together."""
        async with self._lent(self._reading) as connection:
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            async with _ended(transaction.rollback):
                yield connection
            await transaction.commit()

    @asynccontextmanager
    async def tenant(self, projects: Collection[UUID] | None) -> AsyncIterator[Connection]:
        """Lend a connection for reads that answer a tenant: PostgreSQL shows it the rows of these projects alone.

        One moment for all reads, as in `snapshot`, and one statement to begin: role and projects hold until the
        transaction ends, so a pooler may give the connection to anybody afterwards. None, for operators, is every
        project, as the owner.
        """
        if projects is None:
            async with self.snapshot() as connection:
                yield connection
            return
        named = ",".join(map(str, map(UUID, map(str, projects))))
        async with self._lent(self._reading) as connection:
            # Nothing was written, so it does not matter which; in a transaction that failed both roll back.
            end = partial(connection.execute, "commit")
            async with _ended(end):
                await self._become(connection, named)
                yield connection
            await end()

    async def _become(self, connection: Connection, projects: str) -> None:
        """Begin a tenant's transaction. The role's name follows who connects, and is asked for once."""
        if self._role is None:
            self._role = str(await connection.fetchval(_TENANT_ROLE))
        try:
            await connection.execute(_AS_TENANT.format(role=self._role, projects=projects))
        except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
            raise Unavailable("The role of tenants' reads is gone: run `maquette migrate`.") from error

    async def shared(self, read: Read[T], ids: Collection[UUID]) -> Mapping[UUID, T]:
        """Read rows by id for many callers at once: while one read is under way, the next one gathers.

        The answer may hold more than was asked for. With a read for each of 64 workers that report one outcome at
        a time, PostgreSQL took 586 µs of CPU a step, with shared ones 200.
        """
        gathering = self._gatherings.setdefault(read, _Gathering())
        gathering.ids.update(ids)
        if gathering.next is None:
            gathering.next = asyncio.create_task(self._read_gathered(read, gathering))
        found: Mapping[UUID, T] = await asyncio.shield(gathering.next)
        return found

    async def _read_gathered(self, read: Read[T], gathering: _Gathering) -> Mapping[UUID, T]:
        async with gathering.turn:
            ids, gathering.ids, gathering.next = list(gathering.ids), set(), None
            async with self.connection() as connection:
                return await read(connection, ids)
