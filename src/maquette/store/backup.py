"""What a backup needs of the database besides its dump, and what a restored one has to forget."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from maquette.store.database import Connection, Database, statements

_SQL = statements("backup")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment that a dump and other reads share."""

    name: str
    server_version: int
    """As ``server_version_num``: 180004."""
    migrations: list[str]
    counts: dict[str, int]


@asynccontextmanager
async def deletions_held(database: Database) -> AsyncIterator[None]:
    """Let nobody delete objects meanwhile; waits for whoever does so now. Needs a connection without a pooler."""
    async with database.connection() as connection:
        await connection.execute(_SQL["hold_deletions"])
        try:
            yield
        finally:
            if not connection.is_closed():
                await connection.execute(_SQL["release_deletions"])


async def snapshot(connection: Connection) -> Snapshot:
    """Export the snapshot of a repeatable-read transaction; it holds until that ends."""
    row = await connection.fetchrow(_SQL["snapshot"])
    return Snapshot(
        row["snapshot"], row["server_version"], await migrations(connection), await counts(connection)
    )


async def migrations(connection: Connection) -> list[str]:
    """Return the names of the migrations that were applied."""
    return [row["name"] for row in await connection.fetch(_SQL["migrations"])]


async def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows the tables have that people care about."""
    return dict(await connection.fetchrow(_SQL["counts"]))


async def is_empty(connection: Connection) -> bool:
    """Whether the database has no table of anybody."""
    return int(await connection.fetchval(_SQL["tables"])) == 0


async def settle(connection: Connection) -> None:
    """Let a restored database forget the server and the processes that it had. Run it in a transaction."""
    for statement in (
        _SQL["forget_outbox_transactions"],
        _SQL["forget_event_transactions"],
        _SQL["forget_workers"],
        _SQL["forget_relays"],
        _SQL["free_shards"],
        _SQL["free_lanes"],
        _SQL["forget_doomed"],
        _SQL["leap_fences"],
    ):
        await connection.execute(statement)
