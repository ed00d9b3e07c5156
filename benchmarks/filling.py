"""A database that has been used for months: finished jobs and waiting tasks, copied set by set from a few real ones.

What is copied was written by the product itself. Ids keep their form (UUIDv7) and go back in time with their rows, a
minute a copy, so that indexes are as after months of work. Every other copy stays in the first project, the rest
goes to small ones. Texts within documents (events, lineage) still name the original.
"""

import uuid
from collections.abc import Iterator, Mapping

import asyncpg

from benchmarks.installation import Installation
from benchmarks.people import prepare_projects, submit
from benchmarks.way import Way, run_steps
from benchmarks.work import SERVICE
from maquette.wire import Claim, Outcome, OutcomesRequest
from maquette.worker.client import Client

#: Finished jobs that are copied: most succeeded, one failed.
TEMPLATES = 40
#: Of how many copies the newest keeps its events: retention drops them by months, long before it drops jobs.
_WITH_EVENTS = 10
_COPIES_AT_ONCE = 250
_MINUTE_MS = 60_000

_JOBS = "select id from jobs where finished_at is not null"
_ASSETS = f"select asset_id from asset_versions where job_id in ({_JOBS})"
#: Which rows of a table belong to the finished jobs.
_FINISHED: Mapping[str, str] = {
    "jobs": "finished_at is not null",
    "briefs": f"job_id in ({_JOBS})",
    "steps": f"job_id in ({_JOBS})",
    "artifacts": f"job_id in ({_JOBS})",
    "dead_letters": f"job_id in ({_JOBS})",
    "ledger": f"job_id in ({_JOBS})",
    "assets": f"id in ({_ASSETS})",
    "asset_versions": f"job_id in ({_JOBS})",
    "asset_files": f"asset_id in ({_ASSETS})",
    "events": f"stream_id in ({_JOBS})",
}
_WAITING: Mapping[str, str] = {
    "jobs": "finished_at is null",
    "briefs": "job_id in (select job_id from ready)",
    "ready": "true",
}
#: What is neither an id nor a moment and yet is another one in a copy.
_OTHERWISE: Mapping[tuple[str, str], str] = {
    ("assets", "library_path"): "library_path || '-' || n",
    ("briefs", "library_path"): "library_path || '-' || n",
    ("artifacts", "key"): "replace(key, job_id::text, pg_temp.copied(job_id, n)::text)",
    ("ready", "tag"): "tag + n",
}
#: With ``n`` after id: the id of its nth copy.
_COPIED = f"""
create or replace function pg_temp.copied(id uuid, n bigint) returns uuid language sql immutable as $$
select (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - n * {_MINUTE_MS}), 12, '0')
        || substr(replace(id::text, '-', ''), 13))::uuid
$$
"""
#: Projects are cleaned one after the other: their turns are spread over the time between two of one.
_CLEANED = """
insert into retention_runs (project_id, due_at)
select id, clock_timestamp() + random() * make_interval(secs => $1) from projects on conflict do nothing
"""
_COLUMNS = """
select attname as name, format_type(atttypid, null) as type from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attidentity = '' order by attnum
"""


async def prepare(house: Installation, projects: int) -> str:
    """Have the product finish the jobs that are copied; make small projects beside theirs; return its id.

    One of the jobs has failed. The tables are as they were after it, so `finished` can be called from here.
    """
    [project] = await prepare_projects(house, 1)
    await submit(house, [project], TEMPLATES - 1)
    await run_steps(house, Way("templates", 1, 1, 100, TEMPLATES - 1))
    await submit(house, [project], 1)
    await _let_one_fail(house)
    connection = await asyncpg.connect(house.settings.database_url)
    try:
        await _copy_projects(connection, projects)
        await connection.execute(_CLEANED, house.settings.retention_interval_seconds)
    finally:
        await connection.close()
    return project


async def finished(house: Installation, count: int) -> None:
    """Leave ``count`` finished jobs more (less than a thousandth too many), each with all that hangs on it."""
    await _fill(house, _FINISHED, count)


async def waiting(house: Installation, projects: str, count: int) -> None:
    """Leave ``count`` tasks that wait to be claimed, made from those that wait now, in all projects in turn."""
    await submit(house, [projects], TEMPLATES)
    await _fill(house, _WAITING, count)


async def _let_one_fail(house: Installation) -> None:
    """Report an error of the one task there is that no further try can mend."""
    settings = house.settings
    claim = Claim(
        claim_id=str(uuid.uuid4()),
        worker_epoch=str(uuid.uuid4()),
        worker="benchmark",
        services=[SERVICE],
        wait_seconds=5.0,
    )
    async with Client(settings.url, settings.worker_token) as client:
        [task] = (await client.claim(claim)).tasks
        outcome = Outcome(
            task_id=task.task_id, fence=task.fence, status="failed", error_class="invalid", error_code="no"
        )
        await client.report(OutcomesRequest(outcomes=[outcome]))


async def _fill(house: Installation, tables: Mapping[str, str], count: int) -> None:
    connection = await asyncpg.connect(house.settings.database_url, command_timeout=None)
    try:
        await connection.execute("set temp_buffers = '64MB'")
        await connection.execute(_COPIED)
        for table, rows in tables.items():
            await connection.execute(f"create temp table of_{table} as select * from {table} where {rows}")
        made = await connection.fetchval("select count(*) from of_jobs")
        there = await connection.fetchval("select count(*) from jobs") // made
        await _spread(connection)
        copies = -(-count // made)
        for first in _from_the_oldest(there, there + copies):
            last = min(first + _COPIES_AT_ONCE, there + copies) - 1
            for table in tables:
                if table == "events" and first - there > copies // _WITH_EVENTS:
                    continue
                await connection.execute(await _insert(connection, table), first, last)
        for table in tables:
            await connection.execute(f"vacuum analyze {table}")
    finally:
        await connection.close()


def _from_the_oldest(first: int, after: int) -> Iterator[int]:
    return reversed(range(first, after, _COPIES_AT_ONCE))


async def _spread(connection: asyncpg.Connection) -> None:
    """Number the small projects; the first one is the templates' own."""
    await connection.execute(
        "create temp table small as select id, row_number() over (order by id) - 1 as place from projects"
        " where id not in (select project_id from of_jobs);"
        "create index on small (place); analyze small"
    )


async def _insert(connection: asyncpg.Connection, table: str) -> str:
    expressions = {}
    for name, kind in await connection.fetch(_COLUMNS, table):
        if name == "project_id":
            chosen = "case when n % 2 = 0 then t.project_id else coalesce(s.id, t.project_id) end"
        elif (table, name) in _OTHERWISE:
            chosen = _OTHERWISE[table, name]
        elif kind == "uuid":
            chosen = f"pg_temp.copied(t.{name}, n)"
        elif kind == "timestamp with time zone":
            chosen = f"t.{name} - n * interval '1 minute'"
        else:
            chosen = f"t.{name}"
        expressions[name] = chosen
    return (
        f"insert into {table} ({', '.join(expressions)}) select {', '.join(expressions.values())}"
        f" from generate_series($2::bigint, $1::bigint, -1) n"
        " left join small s on s.place = (n / 2) % greatest((select count(*) from small), 1)"
        f" cross join of_{table} t"
    )


async def _copy_projects(connection: asyncpg.Connection, count: int) -> None:
    """Make small projects with the settings of the first one."""
    await connection.execute(_COPIED)
    for table, own in (("projects", "id"), ("project_gates", "project_id")):
        columns = [row["name"] for row in await connection.fetch(_COLUMNS, table)]
        chosen = [f"pg_temp.copied(t.{name}, n)" if name == own else f"t.{name}" for name in columns]
        await connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(chosen)}"
            f" from generate_series(1, {count}) n cross join (select * from {table} limit 1) t"
        )
