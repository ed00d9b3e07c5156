"""Claims that wait in one process hear of tasks that another one made, without looking for them."""

import asyncio
import contextlib
import dataclasses
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from asyncpg.connection import Connection
from house import House, furnish

from maquette.bootstrap import open_deps
from maquette.domain import typeid
from maquette.services import notices, transactor
from maquette.services.notices import Notices
from maquette.settings import Settings
from maquette.store.notices import Line

_SOON_SECONDS = 5.0


@pytest.fixture(autouse=True)
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is served was told: the looks at the queue come too late for any of these tests."""
    monkeypatch.setattr(transactor, "POLL_SECONDS", 60.0)
    monkeypatch.setattr(notices, "_AGAIN_SECONDS", 0.05)


@contextlib.asynccontextmanager
async def processes(settings: Settings, count: int) -> AsyncIterator[list[House]]:
    """Several processes over one database; the first one's project is everybody's."""
    async with contextlib.AsyncExitStack() as opened:
        deps = [await opened.enter_async_context(open_deps(settings)) for _ in range(count)]
        first = await furnish(deps[0])
        yield [dataclasses.replace(first, deps=one, epoch=str(uuid.uuid4())) for one in deps]


async def until(met: Callable[[], Any]) -> None:
    """Wait for what another task brings about."""
    deadline = time.monotonic() + _SOON_SECONDS
    while not met():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.005)


def said(house: House) -> int:
    return told_by(house).said


def told_by(house: House) -> Notices:
    found = house.deps.transactor.neighbours
    assert isinstance(found, Notices)
    return found


def hears(house: House, *others: House) -> bool:
    """Whether a process knows that claims wait in these others."""
    known = told_by(house)._elsewhere
    return all(
        known.get(told_by(other)._replica) and known[told_by(other)._replica].counts for other in others
    )


async def test_a_claim_is_served_by_another_processs_submission(settings: Settings) -> None:
    """The task is made in one process, the claim waits in another."""
    async with processes(settings, 2) as (here, there):
        waiting = asyncio.create_task(there.claim(wait_seconds=30.0))
        await until(lambda: hears(here, there))
        made = await here.submit()
        async with asyncio.timeout(_SOON_SECONDS):
            [task] = await waiting
        assert task.job_id == typeid.encode("job", made.job.id)


async def test_one_task_wakes_one_process(settings: Settings) -> None:
    """Of two processes whose claims wait, one looks; the other one's claims sleep on, and get the next task."""
    async with processes(settings, 3) as (here, *others):
        waiting = [asyncio.create_task(other.claim(wait_seconds=30.0)) for other in others for _ in range(2)]
        await until(
            lambda: all(other.deps.transactor.parked == 2 for other in others) and hears(here, *others)
        )
        before = [other.deps.transactor.counters.batches for other in others]
        await here.submit()
        async with asyncio.timeout(_SOON_SECONDS):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        looked = [
            other.deps.transactor.counters.batches - had for other, had in zip(others, before, strict=True)
        ]
        assert sorted(looked) == [0, 1], "no herd: one claim in one process"
        for _ in range(3):
            await here.submit()
        async with asyncio.timeout(_SOON_SECONDS):
            tasks = await asyncio.gather(*waiting)
        assert len({task.job_id for [task] in tasks}) == 4


async def test_nothing_is_said_where_nobody_waits(settings: Settings) -> None:
    """Jobs are submitted and done in two processes without a word between them; nor to oneself."""
    async with processes(settings, 2) as (here, there):
        await here.gates()
        for _ in range(3):
            await here.submit("2D")
            await there.work()
        own = asyncio.create_task(here.claim(wait_seconds=30.0, services=["studio"]))
        await here.submit("2D")
        await own
        assert said(there) == 0


async def test_it_goes_on_after_its_connection_was_cut(settings: Settings) -> None:
    """The server ends the lines; both are there again, and a claim that waited all the while is told."""
    async with processes(settings, 2) as (here, there):
        waiting = asyncio.create_task(there.claim(wait_seconds=30.0))
        await until(lambda: hears(here, there))
        told_by(here)._elsewhere.clear()
        connection = await asyncpg.connect(settings.database_url)
        cut = await connection.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and (query like '%pg_notify%' or query ilike 'listen %')"
        )
        await connection.close()
        assert cut
        await until(lambda: hears(here, there))
        await here.submit()
        async with asyncio.timeout(_SOON_SECONDS):
            assert await waiting


def test_behind_a_pooler_without_a_direct_address_there_is_no_line(settings: Settings) -> None:
    """LISTEN belongs to a connection, and a pooler lends another one each time."""
    plain = dataclasses.replace(
        settings, database_url="postgresql://db/m", database_direct_url="", database_pooler="none"
    )
    assert plain.listen_url == "postgresql://db/m"
    pooled = dataclasses.replace(plain, database_pooler="transaction")
    assert pooled.listen_url == ""
    assert (
        dataclasses.replace(pooled, database_direct_url="postgresql://d/m").listen_url == "postgresql://d/m"
    )


async def test_a_line_that_is_given_up_while_it_opens_is_hung_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stops as it begins leaves no connection behind."""
    opened: list[Connection] = []

    async def never(connection: Connection, *_: object) -> None:
        opened.append(connection)
        await asyncio.Event().wait()

    monkeypatch.setattr(Connection, "add_listener", never)
    opening = asyncio.create_task(
        Line.open(settings.database_url, {"x": str}, lambda: None, statement_seconds_max=5.0)
    )
    await until(lambda: opened)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    assert opened[0].is_closed()
