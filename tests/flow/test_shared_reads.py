"""One read for many callers: what saves a round trip for each worker must not mix up or lose an answer."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
from house import House

from maquette.domain.errors import Unavailable
from maquette.services.ids import new_id
from maquette.store.database import Connection


async def test_callers_that_come_during_a_read_share_the_next_one(house: House) -> None:
    """The first caller is served at once; the three that come meanwhile get one read, begun after they came."""
    reads: list[set[UUID]] = []
    may_end = asyncio.Event()

    async def read(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        reads.append(set(ids))
        await may_end.wait()
        assert await connection.fetchval("select 1") == 1
        return {key: len(reads) for key in ids}

    ids = [new_id() for _ in range(4)]
    first = asyncio.create_task(house.deps.database.shared(read, ids[:1]))
    while not reads:  # noqa: ASYNC110 - the read itself is what is waited for
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(house.deps.database.shared(read, [key])) for key in ids[1:]]
    await asyncio.sleep(0)
    may_end.set()
    assert (await first)[ids[0]] == 1
    assert [(await other)[key] for other, key in zip(others, ids[1:], strict=True)] == [2, 2, 2]
    assert reads == [set(ids[:1]), set(ids[1:])]


async def test_a_failed_read_fails_its_callers_only(house: House) -> None:
    """Everybody who shared it is told, a caller that left takes nobody with it, and the next read is a fresh one."""
    fails = True

    async def read(_: Connection, ids: Sequence[UUID]) -> Mapping[UUID, bool]:
        if fails:
            raise Unavailable("The database is away.")
        return dict.fromkeys(ids, True)

    key = new_id()
    callers = [asyncio.create_task(house.deps.database.shared(read, [key])) for _ in range(3)]
    await asyncio.sleep(0)
    callers[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await callers[0]
    for caller in callers[1:]:
        with pytest.raises(Unavailable):
            await caller
    fails = False
    assert await house.deps.database.shared(read, [key]) == {key: True}
