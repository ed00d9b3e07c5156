"""Retention: policies, what is due, and taking it away. Who calls decides what is a page and what a transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from maquette.domain.errors import Conflict
from maquette.domain.retention import owner
from maquette.store.database import Connection, decode, encode, statements

_SQL = statements("retention")


@dataclass(frozen=True, slots=True)
class Stored:
    """A row that refers to an object."""

    id: UUID
    key: str
    bytes: int


async def now(connection: Connection) -> datetime:
    """Return the time by which things were written: a process whose clock is wrong must not take away what is young."""
    moment: datetime = await connection.fetchval(_SQL["now"])
    return moment


async def chosen(connection: Connection, project: UUID) -> tuple[int, Mapping[str, int]]:
    """Return the newest version and what it chose; version 0 chose nothing."""
    row = await connection.fetchrow(_SQL["chosen"], project)
    return (row["version"], decode(row["body"])) if row else (0, {})


async def insert(connection: Connection, project: UUID, body: Mapping[str, int], by: str) -> None:
    """Add a version, under the project's lock."""
    await connection.execute(_SQL["insert"], project, encode(body), by)


async def schedule(connection: Connection) -> None:
    """Let projects be due that never were."""
    await connection.execute(_SQL["schedule"])


async def take(connection: Connection, lease_seconds: float) -> UUID | None:
    """Take the longest overdue project for a while, or None when none is due."""
    found: UUID | None = await connection.fetchval(_SQL["take"], lease_seconds)
    return found


async def give_back(connection: Connection, project: UUID, due_in_seconds: float) -> None:
    """Let a project be due again."""
    await connection.execute(_SQL["give_back"], project, due_in_seconds)


async def tidied(connection: Connection, project: UUID) -> tuple[datetime, UUID] | None:
    """Return up to which finished job the files have been tidied."""
    row = await connection.fetchrow(_SQL["tidied"], project)
    return (row["tidied_at"], row["tidied_job"]) if row else None


async def advance(connection: Connection, project: UUID, upto: tuple[datetime, UUID]) -> None:
    """Remember up to which finished job the files have been tidied; it never goes back."""
    await connection.execute(_SQL["advance"], project, *upto)


async def finished(
    connection: Connection, project: UUID, before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[datetime, UUID]]:
    """Return up to ``limit`` jobs that finished before a moment, in the order in which they did."""
    rows = await connection.fetch(_SQL["finished"], project, before, *after, limit)
    return [(row["finished_at"], row["id"]) for row in rows]


async def lock_finished(connection: Connection, job_ids: Sequence[UUID], before: datetime) -> list[UUID]:
    """Lock the jobs in order of id; return those that still finished before the moment."""
    return [row["id"] for row in await connection.fetch(_SQL["lock_finished"], job_ids, before)]


async def superseded(connection: Connection, job_ids: Sequence[UUID]) -> list[Stored]:
    """Return the files of finished jobs that nothing leads to any more."""
    return [Stored(**row) for row in await connection.fetch(_SQL["superseded"], job_ids)]


async def expire(connection: Connection, artifact_ids: Sequence[UUID]) -> None:
    """Mark artifacts whose file goes."""
    await connection.execute(_SQL["expire"], artifact_ids)


async def leaving(connection: Connection, job_ids: Sequence[UUID]) -> list[Stored]:
    """Return the artifacts that go with their jobs."""
    return [Stored(**row) for row in await connection.fetch(_SQL["leaving"], job_ids)]


async def referred(connection: Connection, keys: Sequence[str], leaving_ids: Sequence[UUID]) -> set[str]:
    """Return those keys that some row refers to, apart from the artifacts that leave."""
    owners = [owner(key) for key in keys]
    rows = await connection.fetch(
        _SQL["referred"], keys, [job for job, _ in owners], [upload for _, upload in owners], leaving_ids
    )
    return {row["key"] for row in rows}


async def doom(connection: Connection, project: UUID, keys: Sequence[str]) -> None:
    """Have objects deleted once this transaction has committed."""
    await connection.execute(_SQL["doom"], keys, project)


async def delete_jobs(connection: Connection, job_ids: Sequence[UUID], artifact_ids: Sequence[UUID]) -> None:
    """Delete jobs with all that hangs on them; the jobs are locked. Events have a time of their own.

    What the library shows stays, with the steps that made it.
    """
    await connection.execute(_SQL["delete_artifacts"], artifact_ids)
    for statement in (
        _SQL["delete_request_keys_of_jobs"],
        _SQL["lock_webhooks"],
        _SQL["delete_webhook_lanes"],
        _SQL["delete_webhook_attempts"],
        _SQL["delete_webhook_deliveries"],
        _SQL["delete_webhooks"],
        _SQL["delete_decisions"],
        _SQL["delete_dead_letters"],
        _SQL["delete_attempts"],
        _SQL["delete_reuse_keys"],
        _SQL["delete_steps"],
        _SQL["delete_briefs"],
    ):
        await connection.execute(statement, job_ids)
    await connection.execute(_SQL["delete_jobs"], job_ids)


async def delete_batches(connection: Connection, project: UUID, before: UUID) -> None:
    """Delete batches that were made before an id and have no job left."""
    await connection.execute(_SQL["delete_batches"], project, before)


async def delete_redrives(connection: Connection, project: UUID, before: datetime) -> None:
    """Delete orders to redrive that ended before a moment."""
    await connection.execute(_SQL["delete_redrives"], project, before)


async def unused_uploads(
    connection: Connection, project: UUID, before: UUID, after: UUID, limit: int
) -> list[Stored]:
    """Return up to ``limit`` uploads between two ids that no artifact refers to."""
    rows = await connection.fetch(_SQL["unused_uploads"], project, before, after, limit)
    return [Stored(**row) for row in rows]


async def delete_uploads(connection: Connection, upload_ids: Sequence[UUID]) -> None:
    """Delete uploads."""
    await connection.execute(_SQL["delete_uploads"], upload_ids)


async def old_request_keys(
    connection: Connection, project: UUID, before: datetime, after: tuple[datetime, str], limit: int
) -> list[tuple[datetime, str]]:
    """Return up to ``limit`` Idempotency-Keys from before a moment, oldest first."""
    rows = await connection.fetch(_SQL["old_request_keys"], project, before, *after, limit)
    return [(row["created_at"], row["key"]) for row in rows]


async def delete_request_keys(connection: Connection, project: UUID, keys: Sequence[str]) -> None:
    """Forget Idempotency-Keys."""
    await connection.execute(_SQL["delete_request_keys"], project, keys)


async def count_events(connection: Connection, project: UUID, before: datetime) -> int:
    """Return how many events of a project are from before a moment."""
    return int(await connection.fetchval(_SQL["count_events"], project, before))


async def delete_events(connection: Connection, project: UUID, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` events of a project from before the beginning of a month; return how many."""
    status: str = await connection.execute(_SQL["delete_events"], project, before, limit)
    return int(status.rpartition(" ")[2])


async def policies(connection: Connection) -> list[tuple[int, Mapping[str, int]]]:
    """Return version and choice of each project that chose anything."""
    return [(row["version"], decode(row["body"])) for row in await connection.fetch(_SQL["policies"])]


async def drop_events_before(connection: Connection, before: datetime) -> int:
    """Drop the months of events that are wholly older, of all projects; return how many.

    Waits 0.2 s at most for those who read: ``Conflict`` then, and the next time is as good.
    """
    try:
        return int(await connection.fetchval(_SQL["drop_events_before"], before))
    except asyncpg.LockNotAvailableError as error:
        raise Conflict("Somebody reads events; old ones are dropped later.") from error


async def may_drain(connection: Connection) -> bool:
    """Whether this transaction may delete objects: nobody else does, and no backup is being made."""
    return bool(await connection.fetchval(_SQL["drain_lock"]))


async def doomed(connection: Connection, grace_seconds: float, limit: int) -> list[str]:
    """Lock and return up to ``limit`` keys of objects that have been doomed for long enough."""
    return [row["key"] for row in await connection.fetch(_SQL["doomed"], grace_seconds, limit)]


async def forget_doomed(connection: Connection, keys: Sequence[str]) -> None:
    """Strike objects that are deleted, or were wanted again."""
    await connection.execute(_SQL["forget_doomed"], keys)


async def postpone_doomed(connection: Connection, keys: Sequence[str]) -> None:
    """Put off objects that cannot be deleted now, by another grace time."""
    await connection.execute(_SQL["postpone_doomed"], keys)
