"""Orders to redrive many dead letters: each letter when its turn has come, so that what failed together does not return together.

Any number of replicas may run it: who works on an order holds its row. A crash between a redrive and its being counted
lets one letter be asked for again, which is refused: it is not open any more. An order waits while its project has as many open
jobs as it may.
"""

from maquette.domain.commands import Redrive
from maquette.domain.errors import QuotaExceeded
from maquette.domain.job import Job
from maquette.maintenance.loop import apart, forever
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import dead_letters
from maquette.store.database import Database

INTERVAL_SECONDS = 1.0
#: Until an order looks again whose project has as many open jobs as it may.
WAIT_SECONDS = 5.0
#: Letters of one order at a time: what a pace of 6,000 a minute asks for in a second.
PAGE = 100


class RedriveLoop:
    """``run()`` over ``run_once()``."""

    def __init__(self, database: Database, transactor: Transactor) -> None:
        self._database = database
        self._transactor = transactor

    async def run(self) -> None:
        """Carry orders out until canceled; the database being away is waited out."""
        await forever(
            self.run_once, "Redriving dead letters", lambda done: 0.0 if done else apart(INTERVAL_SECONDS)
        )

    async def run_once(self) -> bool:
        """Do what one order has due now; return whether there was one."""
        async with self._database.transaction() as connection:
            order = await dead_letters.due_redrive(connection)
            if order is None:
                return False
            left = order.cap - order.redriven - order.refused
            due = min(max(order.per_minute // 60, 1), PAGE, left)
            letters = await dead_letters.open_letters(
                connection,
                order.project_id,
                order.filter,
                until=order.created_at,
                after=order.reached,
                after_at=order.reached_at,
                limit=due,
            )
            orders = [Order(item.job_id, Redrive(item.id, order.created_by)) for item in letters]
            verdicts, _ = await self._transactor.exchange(orders)
            # From the first one on that the project has no room for, letters have their turn again.
            turns = next(
                (at for at, item in enumerate(verdicts) if isinstance(item, QuotaExceeded)), len(verdicts)
            )
            waits = turns < len(verdicts)
            await dead_letters.progress(
                connection,
                order.id,
                redriven=sum(isinstance(verdict, Job) for verdict in verdicts),
                refused=sum(not isinstance(verdict, Job) for verdict in verdicts[:turns]),
                reached=letters[turns - 1] if turns else None,
                ended=not waits and (len(letters) < due or left <= due),
                wait_seconds=WAIT_SECONDS if waits else 0.0,
            )
        return True
