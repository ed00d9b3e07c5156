"""Migrations, and what the database itself holds jobs to."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from maquette.domain.errors import Unavailable
from maquette.domain.job import TERMINAL, JobStatus, StepStatus
from maquette.domain.review import Verdict
from maquette.store import migrate
from maquette.store.migrate import Migration


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a fresh, migrated database."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    """The first run applies everything, the second nothing, and then the check is content."""
    shipped = [item.name for item in migrate.migrations()]
    assert await migrate.migrate(empty_database_url) == shipped
    assert await migrate.migrate(empty_database_url) == []
    connection = await asyncpg.connect(empty_database_url)
    try:
        await migrate.check(connection)
    finally:
        await connection.close()


async def test_migrating_at_once_applies_each_file_once(empty_database_url: str) -> None:
    """Replicas that start together wait for each other."""
    results = await asyncio.gather(*(migrate.migrate(empty_database_url) for _ in range(4)))
    assert sorted(map(len, results)) == [0, 0, 0, len(migrate.migrations())]


async def test_an_empty_database_is_named_as_such(empty_database_url: str) -> None:
    """The error says which command helps."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        with pytest.raises(Unavailable, match="maquette migrate"):
            await migrate.check(connection)
    finally:
        await connection.close()


async def test_a_failing_migration_leaves_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files of a run are one transaction."""
    files = [Migration("0001_pre_a.sql", "create table a ()"), Migration("0002_pre_b.sql", "no sql")]
    monkeypatch.setattr(migrate, "migrations", lambda: files)
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await migrate.migrate(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await connection.fetchval("select to_regclass('a')") is None
    finally:
        await connection.close()


async def test_a_changed_file_is_noticed(connection: asyncpg.Connection) -> None:
    """A migration that was applied with other contents means another version's database."""
    await connection.execute("update schema_migrations set sha256 = 'x'")
    with pytest.raises(Unavailable, match="another version"):
        await migrate.check(connection)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("jobs_status_check", set(map(str, JobStatus))),
        ("jobs_step_status_check", set(map(str, StepStatus))),
        ("user_decisions_verdict_check", set(map(str, Verdict))),
    ],
)
async def test_the_database_knows_the_same_words(
    connection: asyncpg.Connection, constraint: str, values: set[str]
) -> None:
    """Every status of the domain, and no other, passes the column's check."""
    text = await connection.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = $1", constraint
    )
    assert set(re.findall(r"'(\w+)'", text)) == values


@pytest.mark.parametrize(
    ("status", "finished", "error"),
    [
        ("succeeded", False, False),
        ("running", True, False),
        ("failed", True, False),
        ("running", False, True),
    ],
)
async def test_a_status_and_its_timestamps_agree(
    connection: asyncpg.Connection, status: str, *, finished: bool, error: bool
) -> None:
    """Terminal means finished, failed means an error: the database refuses anything else."""
    assert (status in TERMINAL) != finished or error != (status == "failed")
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "insert into jobs (id, project_id, asset_type, pipeline_version, correlation_id, skipped, gates,"
            " priority, service, status, position, step_status, gate_open, revisions, attempt, sequence,"
            " created_at, finished_at, error)"
            " values ($1, $1, '2D', 1, 'c', 0, 0, 0, 'studio', $2, 0, 'pending', false, '', 0, 0, now(), $3, $4)",
            uuid.uuid4(),
            status,
            datetime.now(UTC) if finished else None,
            b"{}" if error else None,
        )


async def test_a_job_has_one_task_at_most(connection: asyncpg.Connection) -> None:
    """The queue's key is the job."""
    insert = (
        "insert into ready (job_id, project_id, service, step, priority, tag) values ($1, $1, 's', 't', 0, 0)"
    )
    job = uuid.uuid4()
    await connection.execute(insert, job)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(insert, job)
