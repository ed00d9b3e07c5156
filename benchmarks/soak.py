"""A soak with an old snapshot held open, as a backup or a forgotten session does: what it costs, and what stays."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from benchmarks.installation import Installation
from benchmarks.people import prepare_projects, submit
from benchmarks.report import Row, against, limited, plain
from benchmarks.run import Run
from benchmarks.way import Way, run_steps

TITLE = "Soak: an old snapshot held open while work goes on"
_KEEPS_AT_LEAST = 0.9
#: Tables whose rows come and go: what passed through them must leave nothing behind.
_PASSING = ("ready", "leases", "outbox", "undelivered", "workers")
#: Vacuum gives room back to the table, not to the disk: the next rounds use it again.
_GROWTH_MAX = 1.1
_VACUUM_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the server says of tables that change."""

    bytes: dict[str, int]
    """With indexes."""
    dead: dict[str, int]
    hot: dict[str, float]
    """Share of updates that changed no index, of tables that are updated."""


@dataclass(frozen=True, slots=True)
class _Soaked:
    """Steps a second round by round, and the tables after each part."""

    free: Sequence[float]
    held: Sequence[float]
    after: Sequence[float]
    loaded: _Tables
    vacuum_seconds: float
    settled: _Tables


def measured(run: Run) -> list[Row]:
    """Work, hold a snapshot and work on, let it go, await vacuum, and work as much again."""
    with Installation(run.folder, profile=run.profile) as house:
        soaked = asyncio.run(_soak(run, house))
    kept = {"before": soaked.free}
    rows = [
        against("steps, end of the held time", "steps/s", soaked.held[-5:], kept, at_least=_KEEPS_AT_LEAST),
        against("steps, after it was let go", "steps/s", soaked.after, kept, at_least=_KEEPS_AT_LEAST),
        plain("dead rows of passing tables, held", "", sum(soaked.loaded.dead.values())),
        plain("dead rows of passing tables, vacuumed", "", sum(soaked.settled.dead.values())),
        plain("from letting go to vacuumed", "s", soaked.vacuum_seconds),
    ]
    held, settled = (sum(tables.bytes.values()) for tables in (soaked.loaded, soaked.settled))
    rows.append(
        limited(
            "passing tables after as much work again, over while held",
            "times",
            settled / held,
            at_most=_GROWTH_MAX,
        )
    )
    rows += [
        plain(f"{table} with its indexes, held", "MB", soaked.loaded.bytes[table] / 1e6) for table in _PASSING
    ]
    rows += [
        plain(f"{table}: updates that changed no index (HOT)", "%", share * 100)
        for table, share in soaked.settled.hot.items()
    ]
    return rows


async def _soak(run: Run, house: Installation) -> _Soaked:
    projects = await prepare_projects(house)
    way = Way("soak", 2, 1, 100, run.sized(500, 20))

    async def rounds(count: int) -> list[float]:
        rates = []
        for _ in range(count):
            await submit(house, projects, way.jobs)
            rates.append((await run_steps(house, way)).rate)
        return rates

    connection = await asyncpg.connect(house.settings.database_url)
    holder = await asyncpg.connect(house.settings.database_url)
    try:
        await rounds(1)
        free = await rounds(run.sized(5, 1))
        await holder.execute("set idle_in_transaction_session_timeout = 0")
        async with holder.transaction(isolation="repeatable_read", readonly=True):
            await holder.fetchval("select count(*) from projects")
            held = await rounds(run.sized(10, 1))
            loaded = await _tables(connection)
        seconds = await _vacuumed(connection, run.sized(_VACUUM_SECONDS_MAX, 0.0))
        after = await rounds(run.sized(8, 1))
        await _vacuumed(connection, run.sized(_VACUUM_SECONDS_MAX, 0.0))
        settled = await _tables(connection)
    finally:
        await holder.close()
        await connection.close()
    return _Soaked(free, held, after, loaded, seconds, settled)


async def _vacuumed(connection: asyncpg.Connection, patience: float) -> float:
    """Wait until autovacuum has left few dead rows in the passing tables; return the seconds that took."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < patience:
        if sum((await _tables(connection)).dead.values()) < 1000:
            break
        await asyncio.sleep(0.5)
    return time.perf_counter() - begun


async def _tables(connection: asyncpg.Connection) -> _Tables:
    rows = await connection.fetch(
        "select relname, pg_total_relation_size(relid) as bytes, n_dead_tup, n_tup_upd, n_tup_hot_upd"
        " from pg_stat_user_tables where relname = any($1)",
        [*_PASSING, "jobs"],
    )
    passing = [row for row in rows if row["relname"] in _PASSING]
    return _Tables(
        {row["relname"]: row["bytes"] for row in passing},
        {row["relname"]: row["n_dead_tup"] for row in passing},
        {row["relname"]: row["n_tup_hot_upd"] / row["n_tup_upd"] for row in rows if row["n_tup_upd"]},
    )
