"""Dead letters: tasks that nobody tries again by itself, what people did about them, and orders to redrive many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from maquette.domain.decision import DeadLetter, LetterClosed
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.paging import NEWEST

_SQL = statements("dead_letters")
#: After all that are written.
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it is now; ``status`` is ``open``, ``redriven`` or ``discarded``."""

    id: UUID
    project_id: UUID
    job_id: UUID
    job_status: str
    asset_type: str
    correlation_id: str
    step: str
    position: int
    revision: int
    attempt: int
    error: Mapping[str, Any]
    created_at: datetime
    status: str
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt that a dead letter looks back at."""

    attempt: int
    service: str
    worker: str
    started_at: datetime | None
    finished_at: datetime
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Redrive:
    """An order to redrive what matches, at a pace, up to a number."""

    id: UUID
    project_id: UUID
    filter: Mapping[str, Any]
    per_minute: int
    cap: int
    created_at: datetime
    created_by: str
    redriven: int
    refused: int
    reached: UUID | None
    """The last letter that had its turn."""
    reached_at: datetime | None
    """When that one was written: it may be gone by now."""
    finished_at: datetime | None
    canceled_by: str | None


async def insert(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Insert dead letters of jobs that failed just now."""
    await connection.execute(
        _SQL["insert"],
        [item.id for item in letters],
        [item.job.project_id for item in letters],
        [item.job.id for item in letters],
        [item.job.position for item in letters],
        [item.job.revision for item in letters],
        [item.job.attempt for item in letters],
        [item.job.spec.name for item in letters],
        [encode(item.error) for item in letters],
        [item.job.finished_at for item in letters],
        [item.fence for item in letters],
    )


async def close(connection: Connection, closed: Sequence[LetterClosed]) -> None:
    """Record what people did; the failed step of what is redriven becomes one of its attempts."""
    await connection.execute(
        _SQL["close"],
        [item.id for item in closed],
        [item.status for item in closed],
        [item.at for item in closed],
        [item.by for item in closed],
        [item.reason for item in closed],
    )


async def page(
    connection: Connection,
    projects: Sequence[UUID] | None,
    *,
    before: UUID | None,
    status: str | None,
    step: str | None,
    job: UUID | None,
    limit: int,
) -> list[Letter]:
    """Return up to ``limit`` letters of the projects (None: of all), newest first."""
    written = _LATEST if before is None else await connection.fetchval(_SQL["written"], before)
    rows = await connection.fetch(_SQL["page"], projects, written, before or NEWEST, status, step, job, limit)
    return [_letter(row) for row in rows]


async def open_letters(
    connection: Connection,
    project: UUID,
    filter_: Mapping[str, Any],
    *,
    until: datetime,
    after: UUID | None,
    after_at: datetime | None = None,
    limit: int,
) -> list[Letter]:
    """Return up to ``limit`` open letters from before a moment that match, the oldest first, after one of them.

    With ``after_at``, when that one was written, it need not be there any more.
    """
    rows = await connection.fetch(
        _SQL["open_letters"],
        project,
        until,
        after,
        filter_.get("step"),
        filter_.get("error_code"),
        limit,
        after_at,
    )
    return [_letter(row) for row in rows]


async def one(connection: Connection, letter: UUID, projects: Sequence[UUID] | None) -> Letter | None:
    """Return a letter of the projects, or None."""
    row = await connection.fetchrow(_SQL["one"], letter, projects)
    return _letter(row) if row is not None else None


async def attempts(connection: Connection, letter: Letter) -> list[Tried]:
    """Return every attempt at the letter's step revision up to its last, oldest first."""
    rows = await connection.fetch(
        _SQL["attempts"], letter.job_id, letter.position, letter.revision, letter.attempt
    )
    return [tried_from(row) for row in rows]


def tried_from(row: Mapping[str, Any]) -> Tried:
    """Return the attempt in a row."""
    return Tried(
        row["attempt"],
        row["service"],
        row["worker"],
        row["started_at"],
        row["finished_at"],
        decode(row["error"]),
    )


def _letter(row: Mapping[str, Any]) -> Letter:
    return Letter(
        id=row["id"],
        project_id=row["project_id"],
        job_id=row["job_id"],
        job_status=row["job_status"],
        asset_type=row["asset_type"],
        correlation_id=row["correlation_id"],
        step=row["step"],
        position=row["position"],
        revision=row["revision"],
        attempt=row["attempt"],
        error=decode(row["error"]),
        created_at=row["created_at"],
        status=row["status"] or "open",
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        reason=row["reason"],
    )


async def insert_redrive(
    connection: Connection,
    redrive: UUID,
    project: UUID,
    filter_: Mapping[str, Any],
    *,
    per_minute: int,
    cap: int,
    by: str,
) -> Redrive:
    """Order to redrive what matches."""
    row = await connection.fetchrow(
        _SQL["insert_redrive"], redrive, project, encode(filter_), per_minute, cap, by
    )
    return _redrive(row)


async def redrive(connection: Connection, key: UUID, projects: Sequence[UUID] | None) -> Redrive | None:
    """Return an order of the projects, or None."""
    row = await connection.fetchrow(_SQL["redrive"], key, projects)
    return _redrive(row) if row is not None else None


async def cancel_redrive(connection: Connection, key: UUID, by: str) -> None:
    """Stop an order where it is; one that has ended stays as it is."""
    await connection.execute(_SQL["cancel_redrive"], key, by)


async def due_redrive(connection: Connection) -> Redrive | None:
    """Lock an order whose next letter is due, or return None. Run it in a transaction."""
    row = await connection.fetchrow(_SQL["due_redrive"])
    return _redrive(row) if row is not None else None


async def progress(
    connection: Connection,
    key: UUID,
    *,
    redriven: int,
    refused: int,
    reached: Letter | None,
    ended: bool,
    wait_seconds: float,
) -> None:
    """Record how far a locked order has come, and when it goes on: not before ``wait_seconds`` are over."""
    done = redriven + refused
    at = (None, None) if reached is None else (reached.id, reached.created_at)
    await connection.execute(_SQL["progress"], key, redriven, refused, done, ended, *at, wait_seconds)


def _redrive(row: Mapping[str, Any]) -> Redrive:
    return Redrive(
        id=row["id"],
        project_id=row["project_id"],
        filter=decode(row["filter"]),
        per_minute=row["per_minute"],
        cap=row["cap"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        redriven=row["redriven"],
        refused=row["refused"],
        reached=row["reached"],
        reached_at=row["reached_at"],
        finished_at=row["finished_at"],
        canceled_by=row["canceled_by"],
    )
