"""Bounds: how many tasks of a service may be begun now, over all processes.

Running tasks are counted from leases and starts a minute saved up in the service's row, both under that row's lock: two
batches cannot both take the last place. Services that nobody bounded and whose breaker is closed cost nothing here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from maquette.domain.job import Job
from maquette.domain.service import Bucket, burst
from maquette.services.board import Board
from maquette.services.orders import Batch
from maquette.store import services
from maquette.store.database import Connection

Pairs = tuple[tuple[str, str], ...]
"""What a wish is for: (service, step)."""


class Bounds:
    """What is left of the bounded services in one batch."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._buckets: dict[str, Bucket] = {}

    async def look(self, connection: Connection, batch: Batch, board: Board, names: Iterable[str]) -> None:
        """Lock the bounded ones of the services and count what there is left of each."""
        asked = sorted(board.bounded.intersection(names))
        if not asked:
            return
        found = await services.lock_bounded(connection, asked)
        running = await services.running_of(connection, asked)
        for item in found:
            service = item.service
            left = [] if service.away is None else [0]
            if service.at_a_time is not None:
                ended = _ended(batch, service.name)
                left.append(service.at_a_time - running.get(service.name, 0) + ended)
            if service.starts_per_minute is not None:
                per_minute = service.starts_per_minute
                kept = item.bucket or Bucket(burst(per_minute), item.now)
                self._buckets[service.name] = kept.filled(per_minute, item.now)
                left.append(math.floor(self._buckets[service.name].tokens))
            if left:
                self._left[service.name] = max(min(left), 0)

    def room(self, service: str) -> bool:
        """Whether one more task of a service may be given out."""
        return self._left.get(service, 1) > 0

    def take(self, service: str) -> None:
        """One more task of a service is given out."""
        if service in self._left:
            self._left[service] -= 1

    def parts(self, pairs: Pairs, wanted: int) -> list[tuple[Pairs, int]]:
        """Return the claims that get ``wanted`` tasks of the pairs within the bounds: bounded services each on its own."""
        free = tuple(pair for pair in pairs if pair[0] not in self._left)
        parts = [(free, wanted)] if free else []
        for service in sorted({service for service, _ in pairs if service in self._left}):
            if left := self._left[service]:
                own = tuple(pair for pair in pairs if pair[0] == service)
                parts.append((own, min(wanted, left)))
        return parts

    async def spend(self, connection: Connection, begun: Sequence[Job]) -> None:
        """Write what is left of starts a minute once these have begun."""
        counts = Counter(job.service for job in begun if job.service in self._buckets)
        if counts:
            left = {name: self._buckets[name].tokens - count for name, count in counts.items()}
            await services.spend(connection, left, self._buckets[next(iter(counts))].at)


def _ended(batch: Batch, service: str) -> int:
    """Return how many leases of a service this batch has ended: their rows are still there."""
    return sum(
        old is not None
        and old.lease is not None
        and old.lease.service == service
        and batch.after[key].lease is None
        for key, old in batch.before.items()
    )
