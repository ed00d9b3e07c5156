"""Orders to redrive many dead letters: each letter when its turn has come, so that what failed together does not return together.

Any number of replicas may run it: who works on an order holds its row. A crash between a redrive and its being counted
lets one letter be asked for again, which is refused: it is not open any more.
"""

from maquette.domain.commands import Redrive
from maquette.domain.job import Job
from maquette.maintenance.loop import apart, forever
from maquette.services.orders import Order
from maquette.services.transactor import Transactor
from maquette.store import dead_letters
from maquette.store.database import Database

INTERVAL_SECONDS = 1.0
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
            redriven = sum(isinstance(verdict, Job) for verdict in verdicts)
            refused = len(verdicts) - redriven
            await dead_letters.progress(
                connection,
                order.id,
                redriven=redriven,
                refused=refused,
                reached=letters[-1] if letters else None,
                ended=len(letters) < due or left <= due,
            )
        return True
