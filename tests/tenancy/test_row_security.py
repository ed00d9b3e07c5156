"""The second wall: what PostgreSQL shows to tenants' reads, whatever their statements say."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from maquette.domain.errors import Unavailable
from maquette.store import audit
from maquette.store.database import Database

#: Tables that say whose a row is and are for no tenant's read; nothing is granted on them.
_TABLES = """
select c.relname as name, c.relispartition as partition,
       exists (select from pg_policies p where p.tablename = c.relname and p.policyname = 'tenant') as guarded,
       c.relrowsecurity as on,
       has_table_privilege(current_user || '_tenant', c.oid, 'select') as readable,
       has_table_privilege(current_user || '_tenant', c.oid, 'insert, update, delete, truncate') as writable,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'project_id') as owned
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give a pool on a fresh, migrated database."""
    opened = await Database.open(database_url, connections_max=2)
    yield opened
    await opened.close()


async def test_every_tables_rows_have_a_policy(database: Database) -> None:
    """Whoever makes a table whose rows are projects' calls guard_tenant_table; nothing is writable, no partition readable."""
    async with database.connection() as connection:
        tables = await connection.fetch(_TABLES)
    assert len(tables) > 40
    unguarded = [
        row["name"]
        for row in tables
        if row["owned"] and not row["partition"] and not (row["guarded"] and row["on"])
    ]
    assert unguarded == []
    assert [row["name"] for row in tables if row["writable"]] == []
    assert [row["name"] for row in tables if row["partition"] and row["readable"]] == []
    shared = {row["name"] for row in tables if row["readable"] and not row["guarded"]}
    assert shared == {"plans", "rates", "platform_safety", "pace"}


async def test_a_tenants_read_sees_its_projects_alone(database: Database) -> None:
    """Without any condition of its own a read finds the rows of the projects named, of none when none is named."""
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    async with database.transaction() as connection:
        for project in (mine, theirs):
            await connection.execute(
                "insert into batches (id, project_id, digest, name, lines, created_at, created_by)"
                " values ($1, $1, '', '', 1, now(), '')",
                project,
            )
    for named, seen in (
        ([mine], {mine}),
        ([mine, theirs], {mine, theirs}),
        ([], set()),
        (None, {mine, theirs}),
    ):
        async with database.tenant(named) as connection:
            rows = await connection.fetch("select project_id from batches")
        assert {row["project_id"] for row in rows} == seen
    async with database.connection() as connection:
        assert (
            await connection.fetchval("select current_user || current_setting('maquette.projects', true)")
            == "maquette"
        )


async def test_the_audit_log_goes_by_age_alone(database: Database) -> None:
    """Retention deletes what is older than its days, in a transaction that says so, and nothing else."""
    async with database.transaction() as connection:
        for days in (0, 9, 11):
            await connection.execute(
                "insert into audit (id, at, subject, kind, act, object, request_id)"
                " values ($1, now() - make_interval(days => $2), 'usr_x', 'operator', 'put_plan', 'x', '')",
                uuid.uuid4(),
                days,
            )
        assert await audit.forget(connection, 10) == 1
        assert await audit.forget(connection, 10) == 0
    async with database.connection() as connection:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute("delete from audit")


async def test_a_tenants_read_cannot_write(database: Database) -> None:
    """Neither the transaction nor the role may change anything."""
    with pytest.raises(Unavailable, match="read-only"):
        async with database.tenant([uuid.uuid4()]) as connection:
            await connection.execute("delete from batches")
    async with database.tenant([uuid.uuid4()]) as connection:
        assert await connection.fetch("select from batches") == []
