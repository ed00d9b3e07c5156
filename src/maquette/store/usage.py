"""Usage: what was spent, added up by day, user and service; and what was refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from maquette.domain.ledger import Amount
from maquette.store.database import Connection, statements

_SQL = statements("usage")
Key = tuple[UUID, str, str, str]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a project spent; of one day, user or service where the sums were asked for by that."""

    project_id: UUID
    day: date | None
    subject: str | None
    service: str | None
    amount: Amount
    steps: int

    @property
    def key(self) -> Key:
        """Where it stands in the order of a list."""
        day = "" if self.day is None else self.day.isoformat()
        return self.project_id, day, self.subject or "", self.service or ""


async def usage(
    connection: Connection,
    projects: Sequence[UUID] | None,
    between: tuple[date, date],
    by: Collection[str],
    after: Key | None,
    limit: int,
) -> list[Spent]:
    """Return up to ``limit`` sums of the projects (None: all) over days, both included, in order after a key."""
    rows = await connection.fetch(
        _SQL["usage"],
        projects,
        *between,
        "day" in by,
        "user" in by,
        "service" in by,
        *(after or (None, "", "", "")),
        limit,
    )
    return [
        Spent(
            row["project_id"],
            row["day"],
            row["subject"],
            row["service"],
            Amount(row["micros"], row["gpu_ms"]),
            row["steps"],
        )
        for row in rows
    ]
