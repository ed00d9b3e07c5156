"""The outbox's other end: who relays which shard, what moved to ``events``, what each sink has yet to be told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from maquette.domain.events import Event, EventType
from maquette.store.database import Connection, decode, statements

_SQL = statements("outbox")


@dataclass(frozen=True, slots=True)
class Owed:
    """An event that a sink has not acknowledged; None once retention has removed what it said."""

    shard: int
    stream_id: UUID
    sequence: int
    event: Event | None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of publishing to a sink since the last report."""

    sink: str
    published: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many events wait, counted to 10,000, and for how long the oldest of those has."""

    events: int
    oldest_seconds: float


async def beat(connection: Connection, epoch: UUID, lease_seconds: float) -> bool:
    """Keep an epoch alive; False when it was given up and its process needs a new one."""
    return await connection.fetchval(_SQL["beat"], epoch, lease_seconds) is not None


async def enter(connection: Connection, epoch: UUID, lease_seconds: float, sinks: Sequence[str]) -> None:
    """Make an epoch known, and which sinks it serves."""
    await connection.execute(_SQL["enter"], epoch, lease_seconds, sinks)


async def leave(connection: Connection, epoch: UUID) -> None:
    """Forget an epoch: its shards are free."""
    await connection.execute(_SQL["leave"], epoch)


async def share(connection: Connection, epoch: UUID) -> list[int]:
    """Give up on silent relays, take or release shards towards an even share; return those of this epoch."""
    await connection.execute(_SQL["bury"])
    await connection.execute(_SQL["share"], epoch)
    return list(await connection.fetchval(_SQL["shards"], epoch))


async def move(connection: Connection, epoch: UUID, per_shard: int) -> tuple[int, bool]:
    """Move the first events of each shard of an epoch; return how many, and whether some shard may have more."""
    row = await connection.fetchrow(_SQL["move"], epoch, per_shard)
    return row["moved"], row["most"] >= per_shard


async def owed(
    connection: Connection, epoch: UUID, sink: str, *, held: Collection[UUID], per_shard: int
) -> list[Owed]:
    """Return what a sink is to be told next, in order within each stream, without the streams on hold."""
    rows = await connection.fetch(_SQL["owed"], epoch, sink, list(held), per_shard)
    return [
        Owed(
            row["shard"],
            row["stream_id"],
            row["sequence"],
            None
            if row["type"] is None
            else Event(
                row["stream_id"],
                row["project_id"],
                row["sequence"],
                EventType(row["type"]),
                row["time"],
                row["correlation_id"],
                decode(row["data"]),
            ),
        )
        for row in rows
    ]


async def acknowledge(connection: Connection, epoch: UUID, sink: str, told: Sequence[Owed]) -> int:
    """Remove what a sink has acknowledged; return how many: none, once the epoch was given up."""
    done: int = await connection.fetchval(
        _SQL["acknowledge"],
        epoch,
        sink,
        [item.shard for item in told],
        [item.stream_id for item in told],
        [item.sequence for item in told],
    )
    return done


async def park(connection: Connection, epoch: UUID, sink: str, refused: Sequence[tuple[Owed, str]]) -> None:
    """Set aside what a sink can never take, each with the reason; nothing, once the epoch was given up."""
    await connection.execute(
        _SQL["park"],
        epoch,
        sink,
        [item.shard for item, _ in refused],
        [item.stream_id for item, _ in refused],
        [item.sequence for item, _ in refused],
        [reason for _, reason in refused],
    )


async def report(connection: Connection, told: Sequence[Told]) -> None:
    """Add to what is known of the sinks."""
    await connection.execute(
        _SQL["report"],
        [item.sink for item in told],
        [item.published for item in told],
        [item.failures for item in told],
        [item.error for item in told],
    )


async def make_partitions(connection: Connection, months_ahead: int) -> list[str]:
    """Make the partitions of ``events`` for this month and those ahead; return the new ones."""
    return list(await connection.fetchval(_SQL["make_partitions"], months_ahead))


async def waiting(connection: Connection) -> Waiting:
    """Return what waits to be relayed."""
    row = await connection.fetchrow(_SQL["waiting"])
    # A clock that went back makes nobody's event younger than nothing.
    return Waiting(row["events"], max(row["oldest_seconds"] or 0.0, 0.0))
