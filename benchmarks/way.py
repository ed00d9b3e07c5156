"""One run of submitted jobs through all their steps, and what it took."""

import asyncio
import time
from dataclasses import dataclass

import asyncpg

from benchmarks.installation import Installation, Usage
from benchmarks.work import STEPS

_PATIENCE_SECONDS = 90.0
_DOING = """
select pid, datname, state, wait_event, now() - query_start as since, pg_blocking_pids(pid) as behind, left(query, 60) as query
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How workers take their tasks, and of how many jobs."""

    name: str
    processes: int
    each: int
    """Workers of a process; each has connections of its own."""
    capacity: int
    """Tasks that a worker asks for at once, at most."""
    jobs: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took."""

    rate: float
    """Durable steps a second."""
    seconds: float
    """From the first claim to the last completion, by the database's clock."""
    batch: float
    """Completions in one transaction, on average."""
    steps: int
    usage: Usage
    wal_bytes: int
    unrelayed: float
    """Events that the relay had not yet moved when the last step was done."""
    relay_seconds: float
    """How long it took it to move them."""


async def run_steps(house: Installation, way: Way) -> Taken:
    """Let workers do the submitted jobs, then let the relay catch up: the next one begins in silence."""
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        start = await connection.fetchrow("select clock_timestamp() as at, pg_current_wal_lsn() as wal")
        with house.workers(processes=way.processes, each=way.each, capacity=way.capacity):
            done = "not exists (select from jobs where finished_at is null)"
            await until(connection, f"select exists (select from leases) or {done}")
            before = house.usage()  # from here on: what the workers' start took is no cost of a step
            await until(connection, f"select {done}")
            unrelayed = await connection.fetchval("select count(*) from outbox")
            usage = house.usage().since(before)
        row = await connection.fetchrow(
            "select count(*) as steps, count(distinct finished_at) as batches,"
            " extract(epoch from max(finished_at) - min(started_at))::float as seconds,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), $2)::bigint as wal"
            " from steps where started_at >= $1 and status = 'done'",
            start["at"],
            start["wal"],
        )
        begun = time.perf_counter()
        await until(connection, "select not exists (select from outbox)")
        relay_seconds = time.perf_counter() - begun
    finally:
        await connection.close()
    steps, seconds = row["steps"], row["seconds"]
    if steps != len(STEPS) * way.jobs:
        raise RuntimeError(f"{way.jobs} jobs should have made {len(STEPS) * way.jobs} steps, not {steps}.")
    return Taken(
        rate=steps / seconds,
        seconds=seconds,
        batch=steps / row["batches"],
        steps=steps,
        usage=usage,
        wal_bytes=row["wal"],
        unrelayed=float(unrelayed),
        relay_seconds=relay_seconds,
    )


async def until(connection: asyncpg.Connection, condition: str) -> None:
    """Wait until a query says so; when it does not in time, tell what the server was at."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await connection.fetchval(condition):
        if time.monotonic() > deadline:
            doing = "\n".join(map(str, await connection.fetch(_DOING)))
            raise TimeoutError(f"Not so after {_PATIENCE_SECONDS:.0f} s: {condition}\n{doing}")
        await asyncio.sleep(0.05)
