"""Pace: how long steps take and how many are done, counted in memory as they end and told every half second.

No batch has a statement more for it; a process that dies takes half a second of statistics with it.
"""

from collections.abc import Iterable
from uuid import UUID

from maquette.domain.decision import Decision
from maquette.domain.eta import WINDOW_SECONDS, Pace
from maquette.store import pace
from maquette.store.database import Connection


class PaceBook:
    """What this process has seen of finished steps."""

    def __init__(self, replica: UUID) -> None:
        self._replica = replica
        self._counts: dict[tuple[str, str, int], Pace] = {}
        self._untold: set[tuple[str, str, int]] = set()

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
