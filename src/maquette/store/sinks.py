"""Sinks as operators see them: how each fares, what it can never take, and what it is told once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from maquette.store.database import Connection, statements
from maquette.store.paging import NEWEST

_SQL = statements("sinks")
#: Rows that one statement moves or removes.
PAGE = 5000


@dataclass(frozen=True, slots=True)
class SinkState:
    """What became of publishing to a sink, of all processes and since it was first told something."""

    sink: str
    published: int
    failures: int
    error: str | None
    error_at: datetime | None
    pending: int
    """Events owed, counted to 10,000."""
    oldest_seconds: float
    """Age of the oldest of those; 0 where there is none."""
    parked: int
    """Events that it can never take, counted to 10,000."""
    relays: int
    """Processes that serve it now; 0 when it was switched off."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a sink can never take; ``type`` is None once retention has removed what it said."""

    stream_id: UUID
    sequence: int
    project_id: UUID
    time: datetime
    reason: str
    parked_at: datetime
    type: str | None


@dataclass(frozen=True, slots=True)
class Replay:
    """An order to tell a sink once more what happened from ``since`` to ``until``; all before ``reached`` is owed."""

    id: UUID
    sink: str
    project_id: UUID | None
    since: datetime
    until: datetime
    per_second: int
    created_at: datetime
    created_by: str
    reached: datetime
    stride_seconds: float
    """How much time is looked at next; it follows how much happened."""
    told: int
    finished_at: datetime | None
    canceled_by: str | None


async def states(connection: Connection, sink: str | None = None) -> list[SinkState]:
    """Return the state of every sink that there ever was, or of one."""
    rows = await connection.fetch(_SQL["states"], sink)
    return [
        SinkState(
            row["sink"],
            row["published"],
            row["failures"],
            row["error"],
            row["error_at"],
            row["events"],
            max(
                row["oldest_seconds"] or 0.0, 0.0
            ),  # a clock that went back makes no event younger than nothing
            row["parked"],
            row["relays"],
        )
        for row in rows
    ]


async def parked(connection: Connection, sink: str, limit: int) -> list[Parked]:
    """Return what a sink can never take, the newest first."""
    return [Parked(**row) for row in await connection.fetch(_SQL["parked"], sink, limit)]


async def release(connection: Connection, sink: str) -> int:
    """Owe a sink again a page of what was set aside; return how many."""
    done: int = await connection.fetchval(_SQL["release"], sink, PAGE)
    return done


async def forget_owed(connection: Connection, sink: str) -> int:
    """Remove a page of what a sink is owed; return how many."""
    done: int = await connection.fetchval(_SQL["forget_owed"], sink, PAGE)
    return done


async def forget(connection: Connection, sink: str, by: str) -> None:
    """Remove all that is known of a sink, and end its replays."""
    await connection.execute(_SQL["forget"], sink, by)


async def matching(
    connection: Connection, since: datetime, until: datetime, project: UUID | None, count_max: int
) -> Mapping[str, int]:
    """Count by type what happened, up to ``count_max`` in all."""
    rows = await connection.fetch(_SQL["matching"], since, until, project, count_max)
    return {row["type"]: row["events"] for row in rows}


async def forget_old(connection: Connection, days: int, limit: int) -> tuple[int, int]:
    """Delete what was set aside, and orders that ended, more than so many days ago: at most ``limit`` of each."""
    row = await connection.fetchrow(_SQL["forget_old"], days, limit)
    return row["parked"], row["replays"]


async def insert_replay(
    connection: Connection,
    replay_id: UUID,
    sink: str,
    *,
    project: UUID | None,
    since: datetime,
    until: datetime,
    per_second: int,
    by: str,
    stride_seconds: float,
) -> Replay:
    """Write an order down; the maintenance loop carries it out."""
    values = (replay_id, sink, project, since, until, per_second, by, stride_seconds)
    return _replay(await connection.fetchrow(_SQL["insert_replay"], *values))


async def replays(
    connection: Connection, sink: str, *, only: UUID | None = None, before: UUID | None = None, limit: int = 1
) -> list[Replay]:
    """Return a sink's orders, the newest first; or one."""
    return [
        _replay(row) for row in await connection.fetch(_SQL["replays"], sink, only, before or NEWEST, limit)
    ]


async def cancel_replay(connection: Connection, sink: str, replay_id: UUID, by: str) -> None:
    """End an order; one that has ended stays as it is."""
    await connection.execute(_SQL["cancel_replay"], sink, replay_id, by)


async def due_replay(connection: Connection, pending_max: int) -> tuple[Replay, int] | None:
    """Take an order that is due, until the transaction's end, with what its sink is owed (counted to ``pending_max``)."""
    row = await connection.fetchrow(_SQL["due_replay"], pending_max)
    return None if row is None else (_replay(row), row["pending"])


async def extend(connection: Connection, replay: Replay, until: datetime, events_max: int) -> int:
    """Owe what happened from ``reached`` on; return how much, and owe nothing where that is more than ``events_max``."""
    values = (replay.sink, replay.reached, until, replay.project_id, events_max)
    found: int = await connection.fetchval(_SQL["extend"], *values)
    return found


async def progress(
    connection: Connection,
    replay_id: UUID,
    *,
    told: int,
    reached: datetime,
    stride_seconds: float,
    rest_seconds: float,
) -> None:
    """Write down how far an order has come, and when it goes on."""
    await connection.execute(_SQL["progress"], replay_id, told, reached, stride_seconds, rest_seconds)


def _replay(row: Mapping[str, Any]) -> Replay:
    return Replay(**{name: row[name] for name in Replay.__slots__})
