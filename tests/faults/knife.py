"""A knife at the transactor's connections: every statement of a transaction can be the last one that is heard."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import asyncpg
import pytest
from house import House
from locks import Locks

from maquette.domain.errors import Unavailable

T = TypeVar("T")


#: As a depth: wherever the COMMIT stands.
AT_COMMIT = -1


@dataclass
class Knife:
    """Cuts the line once in every request: at the same statement of each transaction, counted from its BEGIN as 1."""

    mode: str = ""
    depth: int = 0
    resting: bool = False
    """The last request was told that it failed; asked again, it is left in peace."""
    cuts: int = 0
    terminate: Callable[[int], Awaitable[None]] | None = None
    locks: Locks | None = None
    """Looks at what each statement locks, when somebody wants to know."""
    longest: int = 0
    """Statements of the longest transaction there was, its BEGIN not counted."""
    _place: int | None = None
    """Statements that the transaction under way has said; None between transactions."""

    async def around(self, connection: "Cuttable", query: str, say: Callable[[], Awaitable[T]]) -> T:
        """Say it; or cut the line before, after or while it is said."""
        answer = await self._around(connection, query, say)
        if self.locks is not None:
            await self.locks.look(query, connection.xid)
        return answer

    async def _around(self, connection: "Cuttable", query: str, say: Callable[[], Awaitable[T]]) -> T:
        ending = query.startswith(("COMMIT", "ROLLBACK"))
        if query.startswith("BEGIN"):
            self._place = 0
        here = None if self._place is None else self._place + 1
        self.longest = max(self.longest, here or 0)
        self._place = None if ending else here
        if self.resting or not (
            here == self.depth or (self.depth == AT_COMMIT and query.startswith("COMMIT"))
        ):
            return await say()
        return await self._cut(connection, say)

    async def _cut(self, connection: "Cuttable", say: Callable[[], Awaitable[T]]) -> T:
        assert self.terminate is not None
        self.cuts += 1
        if self.mode == "error":
            await say()
            raise asyncpg.DiskFullError("could not extend file: No space left on device")
        cut = partial(self.terminate, connection.get_server_pid())
        if self.mode == "during":
            answer, _ = await asyncio.gather(say(), cut(), return_exceptions=True)
            if isinstance(answer, BaseException):
                raise answer
            return answer
        if self.mode == "before":
            await cut()
            return await say()
        await say()
        await cut()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


class Cuttable(asyncpg.Connection):
    """A connection of a lane, under the knife."""

    knife = Knife()

    async def execute(self, query: str, *args: Any, **more: Any) -> str:
        return await self.knife.around(self, query, partial(super().execute, query, *args, **more))

    async def fetch(self, query: str, *args: Any, **more: Any) -> list[Any]:
        return await self.knife.around(self, query, partial(super().fetch, query, *args, **more))

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        return await self.knife.around(self, query, partial(super().fetchrow, query, *args, **more))

    async def xid(self) -> str | None:
        found: str | None = await super().fetchval("select pg_current_xact_id_if_assigned()::text")
        return found

    async def fetchval(self, query: str, *args: Any, **more: Any) -> Any:
        return await self.knife.around(self, query, partial(super().fetchval, query, *args, **more))


def hold_knife(monkeypatch: pytest.MonkeyPatch) -> Knife:
    """Put every connection of a lane under a new knife: they are made by `asyncpg.connect`; pools are not, and stay whole."""
    monkeypatch.setattr(asyncpg, "connect", partial(asyncpg.connect, connection_class=Cuttable))
    monkeypatch.setattr(Cuttable, "knife", Knife())
    return Cuttable.knife


def sharpen(knife: Knife, house: House) -> None:
    """Give the knife its way to the server."""

    async def terminate(pid: int) -> None:
        async with house.deps.database.connection() as connection:
            assert await connection.fetchval("select pg_terminate_backend($1, 5000)", pid)

    knife.terminate = terminate


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Ask again after `Unavailable`, which promises that nothing was written: so without any idempotency key."""
    try:
        for _ in range(20):
            try:
                return await call()
            except Unavailable:
                Cuttable.knife.resting = True
    finally:
        Cuttable.knife.resting = False
    raise AssertionError("twenty times unavailable after one cut")
