"""What the jobs are at, read past all that is broken: people look at one only when it has moved, and nobody waits by the clock alone.

Asking the API every 0.4 s for each of 50 jobs took more CPU than all else: on two cores storms were as long as
their own onlookers made them.
"""

import asyncio
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from chaos_site import Site

from maquette.domain import typeid

LOOK_SECONDS = 0.1
#: Statements that find what must not be at any moment; `$1` is a list of projects, `$2` how much each may run at once.
NEVER = {
    "no more of a project runs than may": """
        select l.project_id, count(*) as running, cap from leases l
        join unnest($1::uuid[], $2::bigint[]) as capped(project_id, cap) using (project_id)
        group by l.project_id, cap having count(*) > cap""",
}
#: Where nothing moves for so long, nothing will: no wait of the product's is longer (leases of 3 s, pauses up to 10 s
#: before a process that died again and again is started).
STILL_SECONDS = 120.0
#: Nobody is patient for ever, even while things move.
PATIENCE_SECONDS = 600.0
#: A look that comes so much too late, again and again, says that the machine has no time for us.
LATE_SECONDS = 5.0


class Starved(Exception):
    """The machine gave too little time for anything to be said: neither held nor broken."""


@dataclass
class Watch:
    """Looks at all jobs of some projects at once."""

    site: Site
    projects: list[uuid.UUID]
    caps: list[int | None] = field(default_factory=list)
    """How many tasks of each project may run at once."""
    seen: dict[str, str] = field(default_factory=dict)
    """What was there that must not be at any moment."""
    statuses: dict[str, str] = field(default_factory=dict)
    latest: float = 0.0
    """By how much the latest look of the last while was late (s)."""
    _events: int = -1
    _began: float = field(default_factory=time.monotonic)
    _moved: float = field(default_factory=time.monotonic)
    _change: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Look until canceled."""
        connection: asyncpg.Connection | None = None
        try:
            while True:
                connection = await self._look(connection)
        finally:
            if connection is not None:
                connection.terminate()

    async def _look(self, connection: asyncpg.Connection | None) -> asyncpg.Connection | None:
        before = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
        self.latest = max(time.monotonic() - before - LOOK_SECONDS, self.latest * 0.99)
        try:
            connection = connection or await asyncpg.connect(self.site.postgres.url, timeout=5.0)
            rows = await connection.fetch(
                "select id, status, sequence from jobs where project_id = any($1)", self.projects, timeout=5.0
            )
            for law, statement in NEVER.items():
                if found := await connection.fetch(statement, self.projects, self.caps, timeout=5.0):
                    self.seen[law] = str([dict(row) for row in found])
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if connection is not None:
                connection.terminate()
            return None
        await self._tell(rows)
        return connection

    async def _tell(self, rows: list[Any]) -> None:
        events = sum(row["sequence"] for row in rows)
        if events != self._events:
            self._events, self._moved = events, time.monotonic()
        statuses = {typeid.encode("job", row["id"]): row["status"] for row in rows}
        if statuses != self.statuses:
            self.statuses = statuses
            async with self._change:
                self._change.notify_all()

    async def moved(self, job_id: str, status: str, wanted: frozenset[str], seconds: float) -> None:
        """Wait until a job is not what it was but something that is wanted, for ``seconds`` at most."""
        others = wanted - {status}
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)), self._change:
                await self._change.wait_for(lambda: self.statuses.get(job_id, status) in others)

    def assert_hope(self, what: str) -> None:
        """Raise once nothing can be hoped for: ``AssertionError`` when all stands still, ``Starved`` when it is merely slow."""
        now = time.monotonic()
        if now - self._moved > STILL_SECONDS:
            if self.latest > LATE_SECONDS:
                raise Starved(f"Nothing moves, and looks are {self.latest:.0f} s late: {what}")
            raise AssertionError(f"nothing has moved for {STILL_SECONDS:g} s: {what}")
        if now - self._began > PATIENCE_SECONDS:
            raise Starved(f"After {PATIENCE_SECONDS:g} s it still goes on: {what}")
