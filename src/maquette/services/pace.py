"""Pace: how long steps take and how many are done, counted in memory as they end and told every half second.

What all processes counted is read again once it is a second old, and not while nobody asks.

No batch has a statement more for it; a process that dies takes half a second of statistics with it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from maquette.domain.decision import Decision
from maquette.domain.eta import WINDOW_SECONDS, Line, Pace
from maquette.store import pace
from maquette.store.database import Connection, Database

FRESH_SECONDS = 1.0


class PaceBook:
    """What this process has seen of finished steps."""

    def __init__(self, replica: UUID) -> None:
        self._replica = replica
        self._counts: dict[tuple[str, str, int], Pace] = {}
        self._untold: set[tuple[str, str, int]] = set()
        self._lately: tuple[Mapping[Line, Pace], datetime] = {}, datetime.now(UTC)
        self._read_at = float("-inf")
        self._turn = asyncio.Lock()

    async def lately(self, database: Database) -> tuple[Mapping[Line, Pace], datetime]:
        """Return how lines went in all processes, as of a second ago at most, and the database's time now."""
        if time.monotonic() - self._read_at >= FRESH_SECONDS:
            async with self._turn:
                if time.monotonic() - self._read_at >= FRESH_SECONDS:
                    began = time.monotonic()
                    async with database.connection() as connection:
                        self._lately = await pace.lately(connection)
                    self._read_at = began
        paces, then = self._lately
        return paces, then + timedelta(seconds=time.monotonic() - self._read_at)

    def note(self, decisions: Iterable[Decision]) -> None:
        """Count the steps that were done: to be called once that is committed."""
        for record in (record for item in decisions for record in item.records):
            began, ended = record.started_at, record.finished_at
            if began is None or record.error is not None:  # provided, reused or failed
                continue
            key = record.service, record.step, int(ended.timestamp()) // 60
            known = self._counts.get(key, Pace(0, 0.0, began))
            seconds = known.seconds + max((ended - began).total_seconds(), 0.0)
            self._counts[key] = Pace(known.done + 1, seconds, min(known.began_at, began))
            self._untold.add(key)

    async def tell(self, connection: Connection) -> None:
        """Tell what was counted. Said twice, it counts once."""
        if not self._untold:
            return
        telling = {key: self._counts[key] for key in self._untold}
        await pace.tell(connection, self._replica, telling)
        self._untold = {key for key in self._untold if self._counts[key] is not telling.get(key)}
        oldest = max(minute for _, _, minute in self._counts) - WINDOW_SECONDS // 60
        self._counts = {key: item for key, item in self._counts.items() if key[2] >= oldest}
