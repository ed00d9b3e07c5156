"""The audit log: what was administered, by whom, by which request."""

from uuid import UUID

from maquette.domain.audit import Entry
from maquette.store.database import Connection, decode, encode, statements
from maquette.store.paging import NEWEST

_SQL = statements("audit")


async def insert(connection: Connection, entry: Entry) -> None:
    """Insert an entry in the transaction of the act."""
    await connection.execute(
        _SQL["insert"],
        entry.id,
        entry.project_id,
        entry.subject,
        entry.kind,
        entry.act,
        entry.object,
        None if entry.before is None else encode(entry.before),
        None if entry.after is None else encode(entry.after),
        entry.request_id,
        entry.address,
    )


async def page(
    connection: Connection,
    project: UUID | None,
    *,
    before: UUID | None,
    subject: str | None,
    act: str | None,
    object_: str | None,
    limit: int,
) -> list[Entry]:
    """Return up to ``limit`` entries of a project (None: of all and of none), newest first, older than ``before``."""
    rows = await connection.fetch(_SQL["page"], project, before or NEWEST, subject, act, object_, limit)
    return [
        Entry(**row | {name: row[name] and decode(row[name]) for name in ("before", "after")})
        for row in map(dict, rows)
    ]


async def forget(connection: Connection, days: int) -> int:
    """Delete what is older; return how many entries that were."""
    return int((await connection.execute(_SQL["forget"], days)).rpartition(" ")[2])
