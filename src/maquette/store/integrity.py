"""Integrity: what the database says of objects, and whether it agrees with itself. Reads alone, for long."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.job import Job, Place
from maquette.store.database import Connection, statements
from maquette.store.jobs import job_from

_SQL = statements("integrity")
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Reference:
    """A row that refers to an object."""

    key: str
    bytes: int | None
    sha256: str | None
    kind: str
    """``job``, ``asset``: it has to exist. ``upload``, ``doomed``: it may."""
    id: UUID | None


@dataclass(frozen=True, slots=True)
class Task:
    """A job, and which of the tables by temperature know it."""

    job: Job
    places: frozenset[Place]
    clock_agrees: bool
    """Whether the table of gates with a clock says of it what it says itself."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream whose sequences are not what they should be."""

    stream_id: UUID
    events: int
    first: int
    last: int
    sequence: int | None
    """The job's, when it is a job's stream."""


async def be_patient(connection: Connection) -> None:
    """Let the transaction be idle for as long as files are read."""
    await connection.execute(_SQL["patient"])


async def references(connection: Connection) -> AsyncIterator[Reference]:
    """Stream all references in order of key; the connection is in a transaction."""
    await be_patient(connection)
    async for row in connection.cursor(_SQL["references"], prefetch=_ROWS_AT_ONCE):
        yield Reference(row["key"], row["bytes"], row["sha256"], row["kind"], row["id"])


async def wanted(connection: Connection, keys: Sequence[str], jobs: Sequence[UUID]) -> set[str]:
    """Return those of the keys that artifacts refer to now; ``jobs`` are those in whose folders they are."""
    return {row["key"] for row in await connection.fetch(_SQL["wanted"], keys, jobs)}


async def open_jobs(connection: Connection, jobs: Sequence[UUID]) -> set[UUID]:
    """Return those of the jobs that have not ended."""
    return {row["id"] for row in await connection.fetch(_SQL["open_jobs"], jobs)}


async def broken_streams(connection: Connection) -> list[Stream]:
    """Return streams of events with gaps, or that do not end where their job is."""
    return [Stream(**row) for row in await connection.fetch(_SQL["streams"])]


async def tasks(connection: Connection) -> AsyncIterator[Task]:
    """Stream open jobs, and what else has a task; the connection is in a transaction."""
    async for row in connection.cursor(_SQL["tasks"], prefetch=_ROWS_AT_ONCE):
        places = {
            Place.READY: row["is_ready"],
            Place.DELAYED: row["is_delayed"],
            Place.LEASED: row["is_leased"],
        }
        there = frozenset(place for place, is_there in places.items() if is_there)
        yield Task(job_from(row), there, row["clock_agrees"])


async def strays(connection: Connection) -> list[tuple[str, UUID]]:
    """Return (table, job) of tasks whose job does not exist."""
    return [(row["kind"], row["job_id"]) for row in await connection.fetch(_SQL["strays"])]


async def misnumbered_assets(connection: Connection) -> list[tuple[UUID, int, int, int | None]]:
    """Return (asset, latest, how many versions, the last one) where they do not agree."""
    return [tuple(row) for row in await connection.fetch(_SQL["assets"])]


async def unknown_files(connection: Connection) -> list[tuple[UUID, int, str]]:
    """Return (asset, version, name) of files without an artifact."""
    return [tuple(row) for row in await connection.fetch(_SQL["unknown_files"])]
