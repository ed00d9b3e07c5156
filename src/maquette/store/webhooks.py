"""Webhooks: endpoints, the versions of their secrets, how they fare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.domain.webhook import Signing
from maquette.store import deliveries
from maquette.store.database import Connection, statements
from maquette.store.paging import NEWEST

_SQL = statements("webhooks")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint: a project's, or with ``job_id`` the ``webhook_url`` of one job."""

    id: UUID
    project_id: UUID
    job_id: UUID | None
    url: str
    name: str
    events: tuple[str, ...]
    """Empty: all."""
    signing: Signing
    failing_since: datetime | None
    throttled_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    created_by: str


def _signing(row: Mapping[str, Any]) -> Signing:
    return Signing(row["secret_version"], row["secret_oldest"], row["overlap_until"])


def _webhook(row: Mapping[str, Any]) -> Webhook:
    return Webhook(
        row["id"],
        row["project_id"],
        row["job_id"],
        row["url"],
        row["name"],
        tuple(row["events"]),
        _signing(row),
        row["failing_since"],
        row["throttled_until"],
        row["disabled_at"],
        row["disabled_reason"],
        row["created_at"],
        row["created_by"],
    )


async def lock_project(connection: Connection, project: UUID) -> bool:
    """Lock a project against a second change of what belongs to it; False when there is none."""
    return await connection.fetchval(_SQL["lock_project"], project) is not None


async def count(connection: Connection, project: UUID) -> int:
    """Return how many endpoints a project has; lock it first."""
    return int(await connection.fetchval(_SQL["count"], project))


async def insert(
    connection: Connection, key: UUID, project: UUID, *, url: str, name: str, events: Sequence[str], by: str
) -> None:
    """Insert a project's endpoint; version 1 of its secret signs."""
    await connection.execute(_SQL["insert"], key, project, url, name, list(events), by)


async def insert_for_jobs(
    connection: Connection, rows: Sequence[tuple[UUID, UUID, UUID, str, str]], now: datetime
) -> None:
    """Insert the endpoints of new jobs: id, project, job, URL and who sent it."""
    await connection.execute(_SQL["insert_for_jobs"], *map(list, zip(*rows, strict=True)), now)


async def get(
    connection: Connection, key: UUID, projects: Sequence[UUID] | None, *, lock: bool = False
) -> Webhook | None:
    """Return one endpoint, or None when it is not in any of the projects (None: all)."""
    row = await connection.fetchrow(_SQL["lock"] if lock else _SQL["get"], key, projects)
    return _webhook(row) if row else None


async def page(
    connection: Connection,
    projects: Sequence[UUID] | None,
    *,
    job: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Webhook]:
    """Return up to ``limit`` endpoints of projects (None: of all) or of one job, newest first."""
    if job is not None:
        rows = await connection.fetch(_SQL["page_of_job"], job, projects, before or NEWEST, limit)
    elif projects is None:
        rows = await connection.fetch(_SQL["page_of_all"], before or NEWEST, limit)
    else:
        rows = await connection.fetch(_SQL["page"], projects, before or NEWEST, limit)
    return [_webhook(row) for row in rows]


async def change(
    connection: Connection, key: UUID, url: str | None, name: str | None, events: Sequence[str] | None
) -> None:
    """Change what is not None."""
    await connection.execute(_SQL["change"], key, url, name, None if events is None else list(events))


async def now(connection: Connection) -> datetime:
    """Return the database's time."""
    at: datetime = await connection.fetchval(_SQL["now"])
    return at


async def rotate(connection: Connection, key: UUID, signing: Signing, overlap_seconds: float) -> None:
    """Let a new version of an endpoint's secret sign."""
    await connection.execute(_SQL["rotate"], key, signing.version, signing.oldest, overlap_seconds)


async def project_signing(connection: Connection, project: UUID) -> Signing:
    """Return the versions of the secret that signs for a project's jobs; 0 is one that nobody was shown."""
    row = await connection.fetchrow(_SQL["project_signing"], project)
    return _signing(row) if row else Signing(0, 0)


async def rotate_project(
    connection: Connection, project: UUID, signing: Signing, overlap_seconds: float
) -> None:
    """Let a new version of a project's secret sign; lock the project first."""
    await connection.execute(
        _SQL["rotate_project"], project, signing.version, signing.oldest, overlap_seconds
    )


@dataclass(frozen=True, slots=True)
class Disabled:
    """An endpoint that was just disabled, and the number of the event that tells of it."""

    project_id: UUID
    sequence: int
    failing_since: datetime | None


async def disable(connection: Connection, key: UUID, at: datetime, reason: str) -> Disabled | None:
    """Disable an endpoint and drop what is pending; None when it is disabled already."""
    row = await connection.fetchrow(_SQL["disable"], key, at, reason)
    if row is None:
        return None
    await deliveries.drop_pending(connection, [key], at)
    return Disabled(row["project_id"], row["sequence"], row["failing_since"])


async def disable_all(connection: Connection, at: datetime, reason: str) -> list[tuple[UUID, Disabled]]:
    """Disable every endpoint that is not, and drop what is pending; return which, and their events' numbers."""
    rows = await connection.fetch(_SQL["disable_all"], at, reason)
    await deliveries.drop_pending(connection, [row["id"] for row in rows], at)
    return [(row["id"], Disabled(row["project_id"], row["sequence"], row["failing_since"])) for row in rows]


async def enable(connection: Connection, key: UUID) -> None:
    """Let an endpoint receive again what happens from now on."""
    await connection.execute(_SQL["enable"], key)


async def next_sequence(connection: Connection, key: UUID) -> tuple[int, datetime]:
    """Return the number and time of the next event in an endpoint's own stream; it stays locked."""
    row = await connection.fetchrow(_SQL["next_sequence"], key)
    return row["sequence"], row["at"]


async def delete(connection: Connection, key: UUID, at: datetime) -> None:
    """Delete an endpoint; what is on its way to it is dropped."""
    await connection.execute(_SQL["delete"], key)
    await deliveries.drop_pending(connection, [key], at)


async def recovered(connection: Connection, key: UUID) -> None:
    """Note that an endpoint answers again."""
    await connection.execute(_SQL["recovered"], key)


async def failing(
    connection: Connection, key: UUID, at: datetime | None, throttle_seconds: float | None
) -> tuple[datetime, datetime] | None:
    """Note a failed try; return since when an endpoint does nothing but fail, and the time. It stays locked."""
    row = await connection.fetchrow(_SQL["failing"], key, at, throttle_seconds)
    return (row["failing_since"], row["at"]) if row else None


async def forget_jobs(connection: Connection, at: datetime, seconds: float, limit: int) -> None:
    """Delete endpoints of jobs that ended so long ago and have no deliveries any more."""
    await connection.execute(_SQL["forget_jobs"], at, seconds, limit)
