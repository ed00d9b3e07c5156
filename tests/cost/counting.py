"""Counts what the services send to PostgreSQL: statements by name and rows by table, for whoever is being watched.

Only what runs in the context of a block counts, so loops that were started before (who is alive, what is capped, whose
keys were revoked) do not disturb it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from asyncpg.connection import Connection
from asyncpg.introspection import INTRO_LOOKUP_TYPES

from maquette.store.database import statements

#: Read on the transaction's own connection at both ends: what is not committed is in no other view, and what is
#: waits up to a second in its process.
_ROWS = (
    "select relname, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_xact_user_tables"
    " where n_tup_ins + n_tup_upd + n_tup_del > 0"
)
Rows = dict[str, tuple[int, int, int]]


@dataclass
class Act:
    """What one act cost in the database."""

    statements: Counter[str] = field(default_factory=Counter)
    inserted: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)

    def add(self, before: Rows, after: Rows) -> None:
        """Take over what a transaction did to rows."""
        for table, counts in after.items():
            for kind, now, then in zip(self.rows, counts, before.get(table, (0, 0, 0)), strict=True):
                kind[table] += now - then

    def __add__(self, other: "Act") -> "Act":
        return Act(*(one + another for one, another in zip(self._all, other._all, strict=True)))

    @property
    def _all(self) -> tuple[Counter[str], ...]:
        return self.statements, *self.rows

    @property
    def rows(self) -> tuple[Counter[str], Counter[str], Counter[str]]:
        """Rows inserted, updated and deleted, by table."""
        return self.inserted, self.updated, self.deleted


_watched: ContextVar[Act | None] = ContextVar("_watched", default=None)


@contextmanager
def watched() -> Iterator[Act]:
    """Count what the block and the tasks that begin in it send."""
    token = _watched.set(act := Act())
    try:
        yield act
    finally:
        _watched.reset(token)


def install(patch: pytest.MonkeyPatch) -> None:
    """Look at every statement that asyncpg sends."""
    told, asked, repeated = Connection.execute, Connection._execute, Connection._executemany
    names = _names()
    begun: dict[Any, Rows] = {}

    async def rows(connection: Any) -> Rows:
        found = await asked(connection, _ROWS, (), 0, None)
        return {row["relname"]: tuple(row)[1:] for row in found}

    async def execute(self: Any, query: str, *args: Any, **more: Any) -> Any:
        act = _watched.get()
        if act is None or args:
            return await told(self, query, *args, **more)
        act.statements[name := _name(names, query)] += 1
        if name == "commit" and self in begun:
            act.add(begun.pop(self), await rows(self))
        answer = await told(self, query, *args, **more)
        if name == "begin":
            begun[self] = await rows(self)
        return answer

    async def ask(self: Any, query: str, *args: Any, **more: Any) -> Any:
        if (act := _watched.get()) is not None and query != INTRO_LOOKUP_TYPES:
            act.statements[_name(names, query)] += 1
        return await asked(self, query, *args, **more)

    async def repeat(self: Any, query: str, *args: Any, **more: Any) -> Any:
        if (act := _watched.get()) is not None:
            act.statements[_name(names, query)] += 1
        return await repeated(self, query, *args, **more)

    patch.setattr(Connection, "execute", execute)
    patch.setattr(Connection, "_execute", ask)
    patch.setattr(Connection, "_executemany", repeat)


def _names() -> dict[str, str]:
    nouns = sorted(Path(str(path)).stem for path in (files("maquette.store") / "sql").iterdir())
    return {text: f"{noun}.{name}" for noun in nouns for name, text in statements(noun).items()}


def _name(names: dict[str, str], query: str) -> str:
    """Return the statement's name; the beginning of one that has none, without what it says of whom."""
    return names.get(query) or query.partition(";")[0].strip().lower()[:80]
