"""How much waits and runs, for those who operate it: read every few seconds at most, and never a long read."""

from collections.abc import Mapping
from dataclasses import dataclass

from maquette.store.database import Connection, statements

_SQL = statements("gauges")
COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """Tasks of a service that wait, or run: how many, and since when the oldest does (s)."""

    tasks: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Gauges:
    """As of one moment, by service; ``aside`` by what is waited for."""

    queued: Mapping[str, Line]
    leased: Mapping[str, Line]
    aside: Mapping[str, int]


async def read(connection: Connection) -> Gauges:
    """Return what waits and runs in the whole installation."""
    queued = await connection.fetch(_SQL["queues"], COUNT_MAX)
    leased = await connection.fetch(_SQL["leased"])
    aside = await connection.fetchrow(_SQL["aside"], COUNT_MAX)
    return Gauges(
        {row["service"]: Line(row["tasks"], row["oldest_seconds"]) for row in queued},
        {row["service"]: Line(row["tasks"], row["oldest_seconds"]) for row in leased},
        dict(aside),
    )
