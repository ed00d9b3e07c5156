"""The board: what this process knows of services, and what it has seen of their attempts.

Counts are kept here and told every half second: a process that dies takes half a second of statistics with it, and no
batch has a statement more for them.
"""

import math
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID, uuid4

from maquette.domain.breaker import FAILURES, Policy, Tally, slot
from maquette.domain.decision import Decision
from maquette.domain.service import Service
from maquette.services.pace import PaceBook
from maquette.store import caps, reuse, services
from maquette.store.database import Connection, Database
from maquette.store.services import CountsKey

_DEFAULTS = Policy()
#: How long a model that was told of is taken for known.
MODELS_SECONDS = 60.0
#: Who knows nothing newer asks before he hands out tasks: the loop that asks four times a second may have found nobody
#: there, and a cap that was set meanwhile would be passed (met in a storm: PostgreSQL killed right after).
FRESH_SECONDS = 1.0


class Board:
    """Services as they stood half a second ago; where the database was away, a second."""

    def __init__(self) -> None:
        self.services: Mapping[str, Service] = {}
        self.troubled: frozenset[str] = frozenset()
        """Services that are not asked, or just to see."""
        self.bounded: frozenset[str] = frozenset()
        """Services that only so many tasks may be taken of."""
        self.capped: frozenset[UUID] = frozenset()
        """Projects that only so many tasks may run of at once."""
        self._replica = uuid4()
        self.pace = PaceBook(self._replica)
        self._counts: dict[CountsKey, Tally] = {}
        self._untold: set[CountsKey] = set()
        self._models: dict[tuple[str, str], str] = {}
        self._models_told: dict[tuple[str, str], str] = {}
        self._models_due = 0.0
        self._asked_at = -math.inf

    def note(self, decisions: Iterable[Decision]) -> None:
        """Count the attempts that ended: to be called once they are committed."""
        decisions = list(decisions)
        self.pace.note(decisions)
        for item in decisions:
            if item.lost_attempt is not None:
                lost = item.lost_attempt
                self._count(lost.service, lost.started_at, lost.finished_at, lost.error.get("class"))
            for record in item.records:
                if record.started_at is not None:  # neither provided nor reused
                    if record.idempotency_key:
                        self._models[record.service, record.step] = record.model_version
                    error = record.error.get("class") if record.error else None
                    self._count(record.service, record.started_at, record.finished_at, error)

    def _count(self, service: str, began: datetime, ended: datetime, error: str | None) -> None:
        if error is not None and error not in FAILURES:
            return
        known = self.services.get(service)
        generation, policy = 0, _DEFAULTS
        if known is not None:
            generation, policy = known.breaker.generation, known.policy
            if known.breaker.since is not None and began < known.breaker.since:
                return  # it says something of how things were before
        slow = (
            error is None
            and policy.slow_seconds is not None
            and (ended - began).total_seconds() >= policy.slow_seconds
        )
        key = service, slot(ended), generation
        self._counts[key] = self._counts.get(key, Tally()) + Tally(1, error is not None, slow)
        self._untold.add(key)

    async def exchange(self, database: Database) -> None:
        """Tell what was counted, and learn how services stand. Said twice, it counts once."""
        telling = {key: self._counts[key] for key in self._untold}
        async with database.connection() as connection:
            asked_at = time.monotonic()
            self.learn(await services.exchange(connection, self._replica, telling))
            self.capped = await caps.capped(connection)
            self._asked_at = asked_at
            await self._tell_models(connection)
            await self.pace.tell(connection)
        self._untold = {key for key in self._untold if self._counts[key] is not telling.get(key)}
        latest = max((number for _, number, _ in self._counts), default=0)
        self._counts = {
            key: tally for key, tally in self._counts.items() if key[1] >= latest - 1 or key in self._untold
        }

    async def refresh(self, connection: Connection) -> None:
        """Learn how services stand, and who has a cap, unless that is known: no statement in most batches."""
        asked_at = time.monotonic()
        if asked_at - self._asked_at > FRESH_SECONDS:
            self.learn(await services.known(connection))
            self.capped = await caps.capped(connection)
            self._asked_at = asked_at

    async def _tell_models(self, connection: Connection) -> None:
        """Tell what services work with, when it is new here; now and then all of it, for other processes tell as well."""
        if (now := time.monotonic()) >= self._models_due:
            self._models_told, self._models_due = {}, now + MODELS_SECONDS
        seen = {key: said for key, said in self._models.items() if self._models_told.get(key) != said}
        if seen:
            await reuse.tell_models(connection, seen)
            self._models_told |= seen
            self._models = {key: said for key, said in self._models.items() if seen.get(key) != said}

    def learn(self, known: Mapping[str, Service]) -> None:
        """Take in how services stand."""
        self.services = known
        self.troubled = frozenset(name for name, item in known.items() if item.away or item.probing)
        self.bounded = frozenset(name for name, item in known.items() if item.bounded)
