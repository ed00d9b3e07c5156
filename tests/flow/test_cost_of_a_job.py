"""What a job costs in the database: counts that no clock disturbs. Printed with ``-s`` for docs/SCALE.md."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from asyncpg.connection import Connection
from house import House


@dataclass
class Cost:
    statements: int = 0
    transactions: int = 0
    wal_bytes: int = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Counts what this process sends, from now on."""
    cost = Cost()
    told, asked = Connection.execute, Connection._execute

    async def execute(self: Any, query: str, *args: Any, **more: Any) -> Any:
        if not args:
            cost.transactions += query.lower().startswith("begin")
            cost.statements += not query.lower().startswith(("begin", "commit", "rollback"))
        return await told(self, query, *args, **more)

    async def ask(self: Any, *args: Any, **more: Any) -> Any:
        cost.statements += 1
        return await asked(self, *args, **more)

    monkeypatch.setattr(Connection, "execute", execute)
    monkeypatch.setattr(Connection, "_execute", ask)
    return cost


@asynccontextmanager
async def _measured(url: str, cost: Cost) -> AsyncIterator[None]:
    """Fill in what the block cost; the count of WAL is the whole server's, which does nothing else."""
    probe = await asyncpg.connect(url)
    try:
        place = await probe.fetchval("select pg_current_wal_insert_lsn()")
        cost.statements = cost.transactions = 0
        yield
        found = cost.statements, cost.transactions
        cost.wal_bytes = int(await probe.fetchval("select pg_current_wal_insert_lsn() - $1::pg_lsn", place))
        cost.statements, cost.transactions = found
    finally:
        await probe.close()


async def _finish(house: House, jobs: int) -> None:
    """Submit jobs of seven steps at once and work until all are done, as many tasks at a time as there are jobs."""
    await asyncio.gather(*(house.submit(seed=number) for number in range(jobs)))
    tasks = await house.claim(jobs)
    while tasks:
        outcomes = [await house.succeeded(task) for task in tasks]
        answer = await house.report(*outcomes, claim=house.wish(jobs))
        assert {item.verdict for item in answer.verdicts} == {"applied"}
        tasks = answer.claim.tasks if answer.claim else []


@pytest.mark.parametrize(("jobs", "statements_max"), [(1, 140), (20, 45)])
async def test_a_job_costs_so_many_statements(
    house: House, database_url: str, counted: Cost, jobs: int, statements_max: int
) -> None:
    """Alone a job of seven steps takes each batch for itself; twenty at once share them."""
    await house.gates()
    await _finish(house, 2)  # caches, prepared plans
    async with _measured(database_url, counted):
        await _finish(house, jobs)
    each = counted.statements / jobs
    print(  # noqa: T201 - the figures of docs/SCALE.md
        f"{jobs} at once: {each:.1f} statements, {counted.transactions / jobs:.1f} transactions, {counted.wal_bytes / jobs:.0f} B WAL a job"
    )
    assert 0 < each <= statements_max
