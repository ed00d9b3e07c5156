"""Services as their workers and tasks show them: read from rows, kept nowhere."""

from dataclasses import dataclass
from datetime import datetime

from maquette.store.database import Connection, statements

_SQL = statements("services")


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker process that was heard of lately."""

    name: str
    services: tuple[str, ...]
    steps: tuple[str, ...]
    """Empty: every step of its services."""
    heard_at: datetime | None
    draining: bool
    running: int


async def workers(connection: Connection) -> list[LiveWorker]:
    """Return the live workers by name."""
    return [
        LiveWorker(
            row["name"],
            tuple(row["services"]),
            tuple(row["steps"]),
            row["heard_at"],
            row["draining"],
            row["running"],
        )
        for row in await connection.fetch(_SQL["workers"])
    ]


async def running(connection: Connection) -> dict[str, int]:
    """Return how many tasks are leased, by service."""
    return {row["service"]: row["running"] for row in await connection.fetch(_SQL["running"])}


async def waiting(connection: Connection, count_max: int) -> dict[tuple[str, str], int]:
    """Return how many tasks are ready by (service, step), each counted up to ``count_max``."""
    rows = await connection.fetch(_SQL["waiting"], count_max)
    return {(row["service"], row["step"]): row["tasks"] for row in rows}
