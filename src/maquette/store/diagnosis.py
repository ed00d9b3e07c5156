"""What a database says about itself: for finding out why something does not work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from maquette.store import migrate, tenancy
from maquette.store.database import statements
from maquette.store.migrate import Standing
from maquette.store.tenancy import Wall

_SQL = statements("diagnosis")
COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events on their way out. ``sinks`` holds what each has not acknowledged, ``errors`` its last failure."""

    events: int
    oldest: datetime | None
    relays: int
    sinks: Mapping[str, int]
    errors: Mapping[str, str]
    parked: Mapping[str, int]
    """What sinks can never take."""
    unserved: frozenset[str]
    """Sinks that no relay publishes to."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A database that answered. ``backlog`` is None unless the schema is this version's."""

    version: int
    """As ``server_version_num`` has it: 150004 is 15.4."""
    now: datetime
    schema: Standing
    backlog: Backlog | None
    wall: Wall
    """How the second wall between tenants stands."""


async def diagnose(url: str, *, seconds_max: float) -> Diagnosis:
    """Ask a database; what asyncpg or the system raises when it cannot be asked comes through."""
    connection = await asyncpg.connect(url, timeout=seconds_max, command_timeout=seconds_max)
    try:
        server = await connection.fetchrow(_SQL["server"])
        schema = await migrate.standing(connection)
        current = not (schema.missing or schema.unknown or schema.edited)
        backlog = await _backlog(connection) if current else None
        wall = await tenancy.wall(connection)
        return Diagnosis(server["version"], server["now"], schema, backlog, wall)
    finally:
        await connection.close()


async def _backlog(connection: asyncpg.Connection) -> Backlog:
    waiting = await connection.fetchrow(_SQL["backlog"], COUNT_MAX)
    sinks = await connection.fetch(_SQL["sinks"], COUNT_MAX)
    return Backlog(
        waiting["events"],
        waiting["oldest"],
        await connection.fetchval(_SQL["relays"]),
        {row["sink"]: row["events"] for row in sinks},
        {row["sink"]: row["error"] for row in sinks if row["error"]},
        {row["sink"]: row["parked"] for row in sinks if row["parked"]},
        frozenset(row["sink"] for row in sinks if not row["served"]),
    )
