"""Caps on running tasks: which projects have one, what runs, and what waits aside until something ends."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.store.database import Connection, statements

_SQL = statements("caps")
#: Tasks of one project that come back, or are put aside, at once.
TASKS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Back:
    """A task that comes back into line; ``tag`` was its place in the project's own."""

    job_id: UUID
    project_id: UUID
    service: str
    step: str
    priority: int
    tag: int


async def capped(connection: Connection) -> frozenset[UUID]:
    """Return the projects with a cap."""
    return frozenset(row["id"] for row in await connection.fetch(_SQL["capped"]))


async def lock(connection: Connection, projects: Collection[UUID]) -> None:
    """Wait until nobody else gives out tasks of the projects."""
    await connection.execute(_SQL["lock"], list(projects))


async def try_lock(connection: Connection, projects: Collection[UUID]) -> set[UUID]:
    """Return those of the projects whose tasks nobody else is giving out."""
    rows = await connection.fetch(_SQL["try_lock"], list(projects))
    return {row["id"] for row in rows if row["held"]}


async def running(connection: Connection, projects: Collection[UUID]) -> dict[UUID, int]:
    """Return how many tasks of each project are leased."""
    return {
        row["project_id"]: row["running"] for row in await connection.fetch(_SQL["running"], list(projects))
    }


async def put_aside(connection: Connection, projects: Collection[UUID]) -> None:
    """Take what the projects have in line out of it."""
    await connection.execute(_SQL["put_aside"], list(projects), TASKS_MAX)


async def take_back(connection: Connection, room: Mapping[UUID, int | None]) -> Sequence[Back]:
    """Return what may come back into line, taken from aside; ``room`` is the cap of each project, None without one."""
    caps = [TASKS_MAX if cap is None else min(cap, TASKS_MAX) for cap in room.values()]
    return [Back(**dict(row)) for row in await connection.fetch(_SQL["take_back"], list(room), caps)]


async def waiting_projects(connection: Connection) -> list[UUID]:
    """Return the projects that have tasks aside."""
    return [row["project_id"] for row in await connection.fetch(_SQL["waiting_projects"])]
