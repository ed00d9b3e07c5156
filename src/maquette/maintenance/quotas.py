"""Quotas: adds the ledger up, lets jobs go on for which there is something left to spend again, and tasks that may run.

Any number of replicas may run it: adding up takes rows that nobody else has, and a command that comes twice does nothing.
"""

from uuid import UUID

from maquette.domain.commands import QuotaAvailable
from maquette.domain.ledger import NOTHING
from maquette.domain.quota import Takes
from maquette.maintenance.loop import apart, forever
from maquette.services.caps import let_in
from maquette.services.orders import Order
from maquette.services.room import Room, look
from maquette.services.transactor import Transactor
from maquette.store import caps, limiting, pace, quotas, tasks
from maquette.store.database import Database
from maquette.store.quotas import Blocked

BATCH_MAX = 1000
ENTRIES_MAX = 10_000
INTERVAL_SECONDS = 1.0
#: Looking at all files of a project takes a while; this old may a measurement be.
MEASURE_SECONDS = 60.0
_FIRST = UUID(int=0)


class QuotaKeeper:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor) -> None:
        self._database = database
        self._transactor = transactor

    async def run(self) -> None:
        """Look after quotas until canceled; the database being away is waited out."""
        await forever(self.run_once, "Looking after quotas", lambda _let_go: apart(INTERVAL_SECONDS))

    async def run_once(self) -> int:
        """Add up what is fresh, then let jobs go on; return how many did."""
        async with self._database.transaction() as connection:
            await quotas.add_up(connection, ENTRIES_MAX)
            await limiting.forget(connection)
            await pace.forget(connection)
        await self._measure()
        await self._let_in()
        let_go, after = 0, _FIRST
        while True:
            async with self._database.connection() as connection:
                waiting = await quotas.blocked(connection, after, BATCH_MAX)
                terms = await quotas.terms(connection, {item.project_id for item in waiting})
                owners = {(item.project_id, item.subject) for item in waiting}
                now = await quotas.now(connection)
                room = await look(
                    connection, terms, owners, now, jobs=False, costs=True, without_waiting=True
                )
            orders = [Order(item.job_id, QuotaAvailable()) for item in waiting if _fits(room, item)]
            await self._transactor.exchange(orders)
            let_go += len(orders)
            if len(waiting) < BATCH_MAX:
                return let_go
            after = waiting[-1].job_id

    async def _let_in(self) -> None:
        """Let tasks back into line whose project was at its cap: what the end of a lease did not bring, this does.

        Leases that nobody ended, caps that were raised or taken away, processes that died.
        """
        async with self._database.transaction() as connection:
            if projects := await caps.waiting_projects(connection):
                await let_in(connection, projects, await tasks.exchange_clocks(connection, {}))

    async def _measure(self) -> None:
        """Measure what projects store whose storage is limited."""
        async with self._database.connection() as connection:
            due = await quotas.due_for_measuring(connection, MEASURE_SECONDS)
            terms = await quotas.terms(connection, due)
        for project in [key for key, item in terms.items() if item.limits_storage]:
            async with self._database.transaction() as connection:
                await quotas.measure(connection, project)


def _fits(room: Room, item: Blocked) -> bool:
    """Whether what is reserved for a job that waits fits into what is left; it is taken then."""
    if item.project_id not in room.limits:
        return True
    owner = (item.project_id, item.subject)
    room.take(*owner, Takes(amount=item.reserved))
    if room.spent_up(*owner) is None:
        return True
    room.take(*owner, Takes(amount=NOTHING - item.reserved))
    return False
