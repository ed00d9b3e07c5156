"""Breakers: judges services by how their attempts went, and sends jobs another way, to a stand, or on again.

Any number of replicas may run it: a breaker is judged under its row's lock, and what is found about jobs is only a hint
that the transactor decides about under theirs.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from maquette.domain.breaker import SLOT_SECONDS, State, Tally, judge, slot
from maquette.domain.job import Job, Place
from maquette.domain.service import Service
from maquette.maintenance.loop import apart, forever
from maquette.services import routing
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import jobs, services
from maquette.store.database import Connection, Database

_LOG = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.5
#: Tasks that are sent another way in one round, and held jobs that are looked at.
MOVED_MAX = 1000
#: Longer than any window: counts older than that are forgotten.
KEPT_SECONDS = 7200
#: Fallbacks that lost their workers are looked for every so many rounds.
LEFT_EVERY = 10
_NONE = Tally()
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class BreakerLoop:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor) -> None:
        self._database = database
        self._transactor = transactor
        self._reached = _FIRST
        self._rounds = 0

    async def run(self) -> None:
        """Look after services until canceled; the database being away is waited out."""
        await forever(self.run_once, "Looking after services", lambda _moved: apart(INTERVAL_SECONDS))

    async def run_once(self) -> int:
        """Judge every breaker, then look after the jobs that it concerns; return how many moved."""
        async with self._database.transaction() as connection:
            await self._judge(connection)
        async with self._database.connection() as connection:
            known = await services.known(connection)
        self._transactor.board.learn(known)
        self._rounds += 1
        left = await self._leave() if self._rounds % LEFT_EVERY == 1 else 0
        return await self._clear(known) + left + await self._resume()

    async def _judge(self, connection: Connection) -> None:
        found = await services.lock_all(connection)
        if not found:
            return
        now = await services.now(connection)
        windows = {item.name: (item.breaker.generation, _from(item, now)) for item in found}
        tallies = await services.tallies(connection, windows)
        moved = {}
        for item in found:
            after = judge(item.breaker, tallies.get(item.name, _NONE), item.policy, now)
            if after is not item.breaker:
                moved[item.name] = after
                _LOG.warning("The breaker of %s is %s. %s", item.name, after.state, after.reason)
        if moved:
            await services.move(connection, moved)
        await services.forget_calls(connection, slot(now) - KEPT_SECONDS // SLOT_SECONDS)

    async def _clear(self, known: dict[str, Service]) -> int:
        """Take tasks out of the lines of services that are in trouble."""
        names = sorted(name for name, item in known.items() if item.away or item.probing)
        if not names:
            return 0
        async with self._database.connection() as connection:
            found = await services.standing_in_line(connection, names, MOVED_MAX)
        return await self._send(found)

    async def _leave(self) -> int:
        """Send those another way, or back, whose fallback has no worker for their step any more: nobody would come."""
        async with self._database.connection() as connection:
            able = await services.able(connection)
            pairs = sorted((await services.waiting(connection, 1)).keys() - able)
            found = await services.detoured(connection, pairs, MOVED_MAX) if pairs else []
        return await self._send(found)

    async def _resume(self) -> int:
        """Let jobs go on for whose step somebody can be asked again, those first that have waited longest.

        A round looks at so many, the next one at those after them: what waits for one service does not hide what
        waits for another.
        """
        async with self._database.connection() as connection:
            waiting = await services.unrouted(connection, self._reached, MOVED_MAX)
            if waiting:
                await services.forget_unrouted(connection, [job for _, job in waiting])
        self._reached = waiting[-1] if len(waiting) == MOVED_MAX else _FIRST
        return await self._send([job for _, job in waiting])

    async def _send(self, ids: Sequence[UUID]) -> int:
        if not ids:
            return 0
        async with self._database.connection() as connection:
            found: list[Job] = await jobs.peek(connection, ids)
            listed = [job for job in found if job.place is Place.READY]
            commands = await routing.find(connection, self._transactor.board.services, found, listed)
        orders = [Order(key, command) for key, command in commands.items()]
        await self._transactor.exchange(orders)
        return len(orders)


def _from(service: Service, now: datetime) -> int:
    """Return the slot from which on attempts count: half-open, all since then."""
    if service.breaker.state is State.HALF_OPEN:
        return 0
    return slot(now) - int(service.policy.window_seconds) // SLOT_SECONDS
