"""Batches: many briefs that came in one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.store.database import Connection, statements
from maquette.store.paging import NEWEST

_SQL = statements("batches")


@dataclass(frozen=True, slots=True)
class Batch:
    """What came in one request. ``lines`` counts the refused ones, too."""

    id: UUID
    project_id: UUID
    name: str
    lines: int
    created_at: datetime
    created_by: str
    digest: bytes


def _batch(row: Mapping[str, Any]) -> Batch:
    return Batch(**row)


async def insert(
    connection: Connection,
    batch: UUID,
    project: UUID,
    *,
    key: str | None,
    digest: bytes,
    name: str,
    lines: int,
    by: str,
) -> Batch:
    """Insert a batch, or return the one that the same key made before."""
    await connection.execute(_SQL["insert"], batch, project, key, digest, name, lines, by)
    if key is None:
        return _batch(await connection.fetchrow(_SQL["one"], batch, [project]))
    return _batch(await connection.fetchrow(_SQL["by_key"], project, key))


async def one(connection: Connection, batch: UUID, projects: Sequence[UUID] | None) -> Batch | None:
    """Return a batch, or None when it is not in any of the projects (None: all)."""
    row = await connection.fetchrow(_SQL["one"], batch, projects)
    return _batch(row) if row else None


async def page(
    connection: Connection, projects: Sequence[UUID], before: UUID | None, limit: int
) -> list[Batch]:
    """Return up to ``limit`` batches of the projects, newest first, older than ``before``."""
    return [_batch(row) for row in await connection.fetch(_SQL["page"], projects, before or NEWEST, limit)]


async def counts(connection: Connection, batches: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Return by batch how many of its jobs are in each status."""
    found: dict[UUID, dict[str, int]] = {batch: {} for batch in batches}
    for row in await connection.fetch(_SQL["counts"], batches):
        found[row["batch_id"]][row["status"]] = row["jobs"]
    return found


async def open_jobs(connection: Connection, batch: UUID) -> list[UUID]:
    """Return the jobs of a batch that have not ended, in order of id."""
    return [row["id"] for row in await connection.fetch(_SQL["open_jobs"], batch)]
