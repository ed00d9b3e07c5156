"""Which rows a transaction locks, statement by statement, as another connection sees it: held to the one order there is.

A locked row names its transaction in ``xmax``, so nothing has to be read out of statements, and one that is new is
covered. What does not wait (``skip locked``, a lock time-out) may come in any order.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

#: Tables in the order in which they are locked (ARCHITECTURE.md), with what their rows are locked by.
ORDER = {
    "jobs": "id::text",
    "assets": "project_id || ' ' || library_path",
    "projects": "id::text",
    "services": "name",
    "webhooks": "id::text",
    "webhook_lanes": "webhook_id || ' ' || stream_id",
}
_RANKS = {table: rank for rank, table in enumerate(ORDER)}
_LOOK = " union all ".join(
    f"select '{table}' as name, {key} as key from {table} where xmax::text = $1"
    for table, key in ORDER.items()
)
BRIEF, EVER = "set local lock_timeout = '50ms'", "set local lock_timeout to default"


@dataclass
class Locks:
    """Looks after each statement; ``wrong`` says what waited out of order."""

    eye: asyncpg.Connection
    wrong: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Tables that were locked at all."""
    _held: set[tuple[str, str]] = field(default_factory=set)
    _brief: bool = False

    async def look(self, query: str, xid: Callable[[], Awaitable[str | None]]) -> None:
        """Say what a statement has locked that was not locked before."""
        if query.startswith("BEGIN"):
            self._held, self._brief = set(), False
        if query in {BRIEF, EVER}:
            self._brief = query == BRIEF
        if query.startswith(("BEGIN", "COMMIT", "ROLLBACK")) or (own := await xid()) is None:
            return
        rows = {(row["name"], row["key"]) for row in await self.eye.fetch(_LOOK, own)}
        new = rows - self._held
        if not (self._brief or "skip locked" in query.lower()):
            for table, key in sorted(new):
                later = [held for held in self._held if _after(held, (table, key))]
                if later:
                    self.wrong.append(f"{table} {key} after {later[0]}: {' '.join(query.split())[:100]}")
        self._held |= rows
        self.seen |= {table for table, _ in rows}


def _after(held: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """Whether what is held stands behind what is wanted, by table or within it."""
    return (_RANKS[held[0]], held[1]) > (_RANKS[wanted[0]], wanted[1])
