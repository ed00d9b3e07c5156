"""Durable steps a second: 7-step jobs, workers that do nothing in processes of their own, over HTTP."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from benchmarks import floor
from benchmarks.floor import Bare
from benchmarks.installation import Installation, Usage
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, against, limited, plain
from benchmarks.rounds import interleaved
from benchmarks.run import Run
from benchmarks.work import STEPS

TITLE = "Durable steps, 7-step jobs, no-op workers in other processes over HTTP"
_BARE_AT_LEAST = 0.6
_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Way:
    """How workers take their tasks, and how many jobs make a round of some eight seconds."""

    name: str
    processes: int
    each: int
    """Workers of a process; each has connections of its own."""
    capacity: int
    jobs: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One run of jobs through all their steps."""

    rate: float
    """Durable steps a second, from the first claim to the last completion, by the database's clock."""
    batch: float
    """Completions in one transaction, on average."""
    steps: int
    usage: Usage
    wal_bytes: int
    unrelayed: int
    """Events that the relay had not yet moved when the last step was done."""


def measured(run: Run) -> list[Row]:
    """Let workers do jobs in both ways, beside the same statements bare, in turns."""
    ways = (
        Way("100 tasks a claim, 2 workers", 2, 1, 100, run.sized(2000, 20)),
        Way("1 task a claim, 64 workers", 2, 32, 1, run.sized(500, 20)),
    )
    with Installation(run.folder, profile=run.profile) as house:
        projects = asyncio.run(prepare_projects(house))
        alternatives: dict[str, Callable[[], Taken]] = {
            way.name: lambda way=way: asyncio.run(_ours(house, projects, way)) for way in ways
        }
        taken = interleaved(run.sized(3, 1), alternatives)
        rows = []
        for way in ways:
            ours = taken[way.name]
            size = max(1, round(ours[0].batch))
            bare = [
                asyncio.run(floor.measure(house.settings.database_url, jobs_count=way.jobs, batch=size))
                for _ in ours
            ]
            rows += _rows(way.name, ours, bare)
        rows.append(limited("API process, resident", "MB", house.api_megabytes(), at_most=150))
    return rows


async def _ours(house: Installation, projects: list[str], way: Way) -> Taken:
    await submit(house, projects, way.jobs)
    return await run_steps(house, way)


async def run_steps(house: Installation, way: Way) -> Taken:
    """Let workers do the submitted jobs and return how fast that went, by the database's own times."""
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        start = await connection.fetchrow("select clock_timestamp() as at, pg_current_wal_lsn() as wal")
        with house.workers(processes=way.processes, each=way.each, capacity=way.capacity):
            done = "not exists (select from jobs where finished_at is null)"
            await _until(connection, f"select exists (select from leases) or {done}")
            before = house.usage()  # from here on: what the workers' start took is no cost of a step
            await _until(connection, f"select {done}")
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
    finally:
        await connection.close()
    steps, seconds, batches = row["steps"], row["seconds"], row["batches"]
    if steps != len(STEPS) * way.jobs:
        raise RuntimeError(f"{way.jobs} jobs should have made {len(STEPS) * way.jobs} steps, not {steps}.")
    return Taken(steps / seconds, steps / batches, steps, usage, row["wal"], unrelayed)


async def _until(connection: asyncpg.Connection, condition: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await connection.fetchval(condition):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not so after {_PATIENCE_SECONDS:.0f} s: {condition}")
        await asyncio.sleep(0.05)


def _rows(name: str, ours: list[Taken], bare: list[Bare]) -> list[Row]:
    """Put runs beside the same statements bare, in batches as large as their own were."""
    rates = [one.rate for one in ours]
    rows = [
        against(
            f"durable steps, {name}",
            "steps/s",
            rates,
            {"bare statements": [one.rate for one in bare]},
            at_least=_BARE_AT_LEAST,
        ),
        plain(f"{name}: completions in a transaction", "", [one.batch for one in ours]),
        plain(f"{name}: WAL", "bytes/step", [one.wal_bytes / one.steps for one in ours]),
        plain(f"{name}: events not yet relayed at the end", "", [float(one.unrelayed) for one in ours]),
    ]
    for part, words in _PARTS.items():
        micros = [getattr(one.usage, part) / one.steps * 1e6 for one in ours]
        rows.append(plain(f"{name}: CPU of {words}", "µs/step", micros))
    return [
        *rows,
        plain(f"{name}: CPU of the bare statements' client", "µs/step", [one.cpu * 1e6 for one in bare]),
    ]


_PARTS = {
    "api": "the API",
    "postgres": "PostgreSQL",
    "workers": "the workers",
    "maintenance": "maintenance, the relay in it",
}
